"""Verification: every digest, count and label of a dataset, each sample exactly once."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...base import InputError
from .commit import FOLDER, METADATA, file_facts, main_suffix
from .config import DatasetConfig, read_config
from .contents import shard_rows, shard_samples
from .dead import clear_dead
from .record import RECORD, ShardRecord, WorkerFacts, read_record
from .shards import ShardRange, parse_stem
from .store import PENDING, Store
from .workers import dead_folders

MISSING, DAMAGED, UNRECORDED, STRANGE, PENDING_FILES = (
    "missing",
    "damaged",
    "without a record",
    "strange",
    "pending",
)


@dataclass(frozen=True)
class Fault:
    """Something that is not as it should be."""

    kind: str
    """missing, damaged, without a record, strange or pending."""
    name: str
    """Of the shard or file."""
    reason: str
    shard: int | None = None


@dataclass(frozen=True)
class Verification:
    """What verification found."""

    url: str
    images: int
    """In whole shards."""
    total: int
    shards: int
    """Whole ones."""
    faults: tuple[Fault, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every image is there, once, as it was written."""
        return not self.faults


OnShard = Callable[[int, int], None]


def verify_dataset(store: Store, on_progress: OnShard = lambda done, total: None) -> Verification:
    """Read a whole dataset and compare it with its records and its plan.

    Checked are: that every shard is there with a record; size and SHA-256 of each file; that the
    samples inside are those of the shard's range, each once, with the plan's labels; that there are
    no files of other datasets, no pictures that no record has, and nothing of dead workers.

    Args:
        on_progress: told how many shards of how many are read.
    """
    config = read_config(store)
    plan, names = config.plan, set(store.names())
    faults: list[Fault] = []
    whole = images = 0
    recorded: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="zeroreal-verify-") as temporary:
        for shard in plan:
            found, files = _check_shard(store, config, shard, names, Path(temporary))
            faults += found
            recorded |= files
            whole += not found
            images += 0 if found else len(shard)
            on_progress(shard.number + 1, len(plan))
    faults += _strange(store, config, names, recorded)
    faults += [
        Fault(PENDING_FILES, f"{PENDING}/{folder}", "was left by a worker that is gone")
        for folder in dead_folders(store)
    ]
    return Verification(store.url, images, plan.samples, whole, tuple(faults))


def repair(store: Store, faults: tuple[Fault, ...]) -> list[int]:
    """Finish what can be finished and remove what is damaged; gives the shards to make again.

    To be called where the generator that makes them again is at hand.
    """
    config = read_config(store)
    clear_dead(store, config.settings.format)
    again = []
    for fault in faults:
        if fault.kind == UNRECORDED and fault.shard is not None:
            _write_record(store, config, config.plan[fault.shard])
        elif fault.kind == STRANGE:
            store.remove(fault.name)
        elif fault.shard is not None:
            _remove_shard(store, config, config.plan[fault.shard])
            again.append(fault.shard)
    return sorted(set(again))


def _check_shard(
    store: Store, config: DatasetConfig, shard: ShardRange, names: set[str], temporary: Path
) -> tuple[list[Fault], set[str]]:
    """What is wrong with a shard, and the files that its record has."""
    stem = config.plan.stem(shard)
    main = stem + main_suffix(config.settings.format)
    what = f"samples {shard.first} to {shard.end - 1}"
    if main not in names:
        return [Fault(MISSING, main, f"{what} are not there", shard.number)], set()
    if stem + RECORD not in names:
        reason = "its files are there, but not their digests"
        return [Fault(UNRECORDED, main, reason, shard.number)], {main}
    files: set[str] = set()
    try:
        record = read_record(store.read(stem + RECORD), stem + RECORD)
        files = set(record.files)
        _check_files(store, record, temporary)
        _check_samples(store, config, shard, record, temporary)
    except (InputError, OSError, ValueError) as error:
        return [Fault(DAMAGED, main, str(error), shard.number)], files
    finally:
        for copy in temporary.iterdir():
            copy.unlink()
    return [], files


def _check_files(store: Store, record: ShardRecord, temporary: Path) -> None:
    for name, written in record.files.items():
        try:
            now = file_facts(store.local(name, temporary))
        except FileNotFoundError:
            raise InputError(f"{name!r} is not there") from None
        if now != written:
            said = (
                f"has {now.bytes} bytes, {written.bytes} were written"
                if now.bytes != written.bytes
                else "has another digest than when it was written"
            )
            raise InputError(f"{name!r} {said}")


def _check_samples(
    store: Store, config: DatasetConfig, shard: ShardRange, record: ShardRecord, temporary: Path
) -> None:
    """Raise `InputError` unless the samples of the range are there, each once, rightly labelled."""
    stem = config.plan.stem(shard)

    def reach(name: str) -> Path:
        return store.local(name, temporary)

    indices, labels = shard_samples(config.settings.format, stem, record.files, reach)
    wanted = range(shard.first, shard.end)
    if indices.tolist() != list(wanted):
        times = Counter(indices.tolist())
        wrong = [n for n in wanted if times[n] != 1] or [n for n in times if n not in wanted]
        n = wrong[0] if wrong else int(indices[0])
        raise InputError(f"sample {n} is there {times[n]} times, or out of order")
    count = len(config.classes)
    for n, label in zip(wanted, labels.tolist(), strict=True):
        if label != n % count:
            raise InputError(f"sample {n} has label {label}, its class has {n % count}")
    if sum(record.classes.values()) != len(shard):
        raise InputError(f"the record counts {sum(record.classes.values())} of {len(shard)} images")


def _strange(
    store: Store, config: DatasetConfig, names: set[str], recorded: set[str]
) -> Iterator[Fault]:
    """Files that no shard of this dataset has: another dataset's, or lost ones."""
    own = {config.plan.stem(shard) for shard in config.plan}
    for name in sorted(names):
        stem = name.partition(".")[0]
        if parse_stem(stem) is not None and stem not in own:
            yield Fault(STRANGE, name, "belongs to another dataset, or to another size of this one")
    if config.settings.format != "folder":
        return
    for folder in (METADATA, *(f"{FOLDER}/{item.name}" for item in config.classes)):
        for name in sorted(store.names(folder)):
            if f"{folder}/{name}" not in recorded:
                yield Fault(STRANGE, f"{folder}/{name}", "is in no record")


def _remove_shard(store: Store, config: DatasetConfig, shard: ShardRange) -> None:
    """Remove all files of a shard, the one that commits it first."""
    stem = config.plan.stem(shard)
    main = stem + main_suffix(config.settings.format)
    names = {stem + RECORD}
    try:
        names |= set(read_record(store.read(stem + RECORD), stem).files)
    except (FileNotFoundError, InputError):
        names |= {name for name in store.names() if name.startswith(f"{stem}.")}
    store.remove(main)
    for name in names - {main}:
        store.remove(name)


def _write_record(store: Store, config: DatasetConfig, shard: ShardRange) -> None:
    """Write the record that a shard lacks, as far as its files tell."""
    stem, shard_format = config.plan.stem(shard), config.settings.format
    with tempfile.TemporaryDirectory(prefix="zeroreal-verify-") as temporary:

        def reach(name: str) -> Path:
            return store.local(name, Path(temporary))

        names = [n for n in store.names() if n.startswith(f"{stem}.") and n != stem + RECORD]
        rows = shard_rows(shard_format, stem, reach)
        files = {name: file_facts(reach(name)) for name in names}
    rejected: dict[str, Counter[str]] = {}
    for row in rows:
        if row["rejected"]:
            rejected.setdefault(row["class"], Counter()).update(row["rejected"])
    worker = WorkerFacts(
        "unknown", 0, "unknown", rows[0]["engine"], rows[0]["precision"], 0, 0, 0, "unknown"
    )
    record = ShardRecord(
        stem=stem,
        first=shard.first,
        end=shard.end,
        files=files,
        classes=dict(Counter(row["class"] for row in rows)),
        rejected={name: dict(counts) for name, counts in rejected.items()},
        kept={},
        worker=worker,
        seconds=0.0,
        finished=datetime.now().astimezone().isoformat(timespec="seconds"),
    )
    store.write(stem + RECORD, record.content())
