"""The record of a shard: digests and statistics, written beside its files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from pydantic import TypeAdapter, ValidationError

from ....base.errors import InputError

RECORD = ".json"
"""The suffix of records."""


@dataclass(frozen=True)
class FileFacts:
    """A file as it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class GroupFacts:
    """Images that have something in common."""

    images: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Of them made again, by reason."""


Groups = Mapping[str, Mapping[str, GroupFacts]]
"""Groups of images by `domain` and by `guidance`, and their names, such as `sketch`."""


@dataclass(frozen=True)
class WorkerFacts:
    """Who made a shard, and by which means: what its bits depend on besides its samples."""

    host: str
    pid: int
    device: str
    """Such as `cuda:0 (NVIDIA H100)`."""
    engine: str
    precision: str
    batch_size: int
    vae_batch_size: int
    threads: int
    """Of the CPU."""
    encoder: str
    """What encoded the images."""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ShardRecord:
    """What is known of a committed shard."""

    stem: str
    first: int
    end: int
    """Its samples are `first` to before `end`."""
    files: Mapping[str, FileFacts]
    """By name, seen from the dataset's folder."""
    classes: Mapping[str, int]
    """Images of each class."""
    rejected: Mapping[str, Mapping[str, int]]
    """Images made again, by class and reason."""
    kept: Mapping[str, Mapping[str, int]]
    """Images kept at the last attempt although a filter rejected them, by class and reason."""
    worker: WorkerFacts
    seconds: float
    """From the first batch to the commit."""
    finished: str
    """When, as ISO 8601."""
    groups: Groups = field(default_factory=dict)
    """Images, and what was made again, by domain and by guidance."""

    def content(self) -> bytes:
        """As JSON."""
        return (json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n").encode()


_RECORD = TypeAdapter(ShardRecord)  # once: making it takes longer than a hundred records


def read_record(content: bytes, name: str) -> ShardRecord:
    """The record in a file of that name; `InputError` where it is damaged."""
    try:
        return _RECORD.validate_json(content)
    except ValidationError as error:
        said = error.errors()[0]
        place = ".".join(str(part) for part in said["loc"])
        raise InputError(
            f"record {name!r} is damaged ({place or 'whole'}: {said['msg'].lower()}): "
            "`zeroreal verify --fix` writes it anew"
        ) from None


def counts_text(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Counts by class and reason, summed over the classes: `blank 3, duplicate 12`."""
    totals: dict[str, int] = {}
    for reasons in counts.values():
        for reason, number in reasons.items():
            totals[reason] = totals.get(reason, 0) + number
    return ", ".join(f"{reason} {number}" for reason, number in sorted(totals.items()))


def merged_counts(
    parts: list[Mapping[str, Mapping[str, int]]],
) -> dict[str, dict[str, int]]:
    """The sums of counts by class and reason."""
    totals: dict[str, dict[str, int]] = {}
    for part in parts:
        for name, reasons in part.items():
            own = totals.setdefault(name, {})
            for reason, number in reasons.items():
                own[reason] = own.get(reason, 0) + number
    return totals


def merged_groups(parts: Sequence[Groups]) -> dict[str, dict[str, GroupFacts]]:
    """The sums of groups of the same name."""
    totals: dict[str, dict[str, GroupFacts]] = {}
    for part in parts:
        for by, groups in part.items():
            own = totals.setdefault(by, {})
            for name, group in groups.items():
                before = own.get(name, GroupFacts())
                own[name] = GroupFacts(
                    before.images + group.images,
                    merged_counts([{name: before.rejected}, {name: group.rejected}])[name],
                )
    return totals
