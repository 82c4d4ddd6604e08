"""Verification: every digest, count and label of a dataset, each sample exactly once."""

from __future__ import annotations

import errno
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ....base import InputError
from ....data.class_folders import folder_names
from ..commit.commit import FOLDER, METADATA, file_facts, main_suffix
from ..commit.record import RECORD, FileFacts, ShardRecord, read_record
from ..commit.shards import ShardPlan, ShardRange, parse_stem
from ..commit.workers import dead_folders
from ..config.config import read_config
from ..store.store import PENDING, Store
from .contents import shard_files, shard_samples
from .tar_contents import Samples, number_of

MISSING, DAMAGED, UNRECORDED, STRANGE, PENDING_FILES = (
    "missing",
    "damaged",
    "without a record",
    "strange",
    "pending",
)
_THREADS = 8
_AT_ONCE = 64  # shards that wait for a thread


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
    samples inside are those of the shard's range, each once, with the plan's labels, by all that
    the files say of them; that there are no files of other datasets, no pictures that no record
    has, and nothing of dead workers. What live workers write at the time is left alone.

    Args:
        store: where the dataset lies.
        on_progress: told how many shards of how many are read.

    Raises `InputError` and `OSError` where files cannot be reached: that says nothing of them.
    """
    config = read_config(store)
    plan, shard_format = config.plan, config.settings.format
    classes = tuple(item.name for item in config.classes)
    check = _Check(store, plan, shard_format, classes)
    names = set(store.names())
    faults: list[Fault] = []
    recorded: set[str] = set()
    for shard, (fault, files) in zip(plan, check.all(names), strict=True):
        recorded |= files
        record = plan.stem(shard) + RECORD
        if fault is not None and fault.kind == UNRECORDED and store.exists(record):
            fault, files = check(shard, names | {record})  # it was just being committed
            recorded |= files
        faults += [] if fault is None else [fault]
        on_progress(shard.number + 1, len(plan))
    lacking = [fault.shard for fault in faults if fault.shard is not None]
    faults += _strange_files(plan, names, recorded, set(lacking))
    if shard_format == "folder":
        faults += _strange_pictures(store, plan, classes, recorded, set(lacking))
    faults += [
        Fault(PENDING_FILES, f"{PENDING}/{folder}", "was left by a worker that is gone")
        for folder in dead_folders(store)
    ]
    images = plan.samples - plan.images_in(lacking)
    return Verification(store.url, images, plan.samples, len(plan) - len(lacking), tuple(faults))


@dataclass(frozen=True)
class _Check:
    """The check of a shard: what is wrong with it, and the files that its record has."""

    store: Store
    plan: ShardPlan
    shard_format: str
    classes: tuple[str, ...]

    def all(self, names: set[str]) -> Iterator[tuple[Fault | None, set[str]]]:
        """Check all shards, several at a time, in order; `names` are the files that are there."""
        shards = iter(self.plan)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="zeroreal verify") as pool:
            while some := list(islice(shards, _AT_ONCE)):
                yield from pool.map(lambda shard: self(shard, names), some)

    def __call__(self, shard: ShardRange, names: set[str]) -> tuple[Fault | None, set[str]]:
        stem = self.plan.stem(shard)
        main, record_name = stem + main_suffix(self.shard_format), stem + RECORD
        if main not in names:
            reason = f"samples {shard.first} to {shard.end - 1} are not there"
            return Fault(MISSING, main, reason, shard.number), set()
        record, kind = None, DAMAGED
        reason = "its files are there, but not their digests"
        try:
            if record_name in names:
                record = read_record(self.store.read(record_name), record_name)
        except FileNotFoundError:  # removed since
            pass
        except InputError as error:
            if main == record_name:
                return Fault(DAMAGED, main, str(error), shard.number), {main}
            reason = str(error)
        files: Mapping[str, FileFacts | None]
        if record is None:
            files = dict.fromkeys(shard_files(self.shard_format, stem))
        else:
            files = record.files
        try:
            self._check_content(shard, files, record)
        except _DamageError as damage:
            reason = str(damage)
        else:
            if record is not None:
                return None, {record_name, *files}
            kind = UNRECORDED
        return Fault(kind, main, reason, shard.number), {record_name, *files}

    def _check_content(
        self, shard: ShardRange, files: Mapping[str, FileFacts | None], record: ShardRecord | None
    ) -> None:
        """Raise `_DamageError` unless files are as written and hold the shard's samples."""
        stem = self.plan.stem(shard)
        if lost := [name for name in shard_files(self.shard_format, stem) if name not in files]:
            raise _DamageError(f"its record lacks {lost[0]!r}")
        if record is not None:
            self._check_counts(shard, record)
        with tempfile.TemporaryDirectory(prefix="zeroreal-verify-") as temporary:
            there = {}
            for name, written in files.items():
                there[name] = _reached(self.store, name, Path(temporary))
                _check_digest(name, there[name], written)
            try:
                found = shard_samples(
                    self.shard_format, stem, files, there.__getitem__, self.classes
                )
            except (InputError, ValueError, KeyError, TypeError) as error:
                raise _DamageError(str(error)) from None
            for name, samples in found.items():
                _check_samples(name, samples, shard, len(self.classes))

    def _check_counts(self, shard: ShardRange, record: ShardRecord) -> None:
        classes = len(self.classes)
        for label, name in enumerate(self.classes):
            wanted = len(range(shard.first + (label - shard.first) % classes, shard.end, classes))
            if (counted := record.classes.get(name, 0)) != wanted:
                said = f"the record counts {counted} images of {name!r}, there should be {wanted}"
                raise _DamageError(said)


class _DamageError(Exception):
    """A shard is not as it was written."""


def _reached(store: Store, name: str, temporary: Path) -> Path:
    try:
        return store.local(name, temporary)
    except FileNotFoundError:
        raise _DamageError(f"{name!r} is not there") from None


def _check_digest(name: str, path: Path, written: FileFacts | None) -> None:
    try:
        now = file_facts(path)
    except FileNotFoundError:
        raise _DamageError(f"{name!r} is not there") from None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        raise _DamageError(f"{name!r} cannot be read ({error.strerror})") from None
    if written is None or now == written:
        return
    if now.bytes != written.bytes:
        raise _DamageError(f"{name!r} has {now.bytes} bytes, {written.bytes} were written")
    raise _DamageError(f"{name!r} has another digest than when it was written")


def _check_samples(name: str, samples: Samples, shard: ShardRange, classes: int) -> None:
    indices, labels = samples
    wanted = range(shard.first, shard.end)
    if indices != list(wanted):
        times = Counter(indices)
        wrong = [n for n in wanted if times[n] != 1] or [n for n in times if n not in wanted]
        if not wrong:
            raise _DamageError(f"{name!r} has its samples out of order")
        raise _DamageError(f"{name!r} has sample {wrong[0]} {times[wrong[0]]} times")
    for n, label in zip(wanted, labels, strict=True):
        if label != n % classes:
            said = f"label {label}" if label >= 0 else "a label of no class"
            raise _DamageError(f"{name!r} gives sample {n} {said}, its class has {n % classes}")


def _strange_files(
    plan: ShardPlan, names: set[str], recorded: set[str], lacking: set[int]
) -> Iterator[Fault]:
    """Files beside the shards that no shard of this dataset has."""
    own = set(plan.files(""))
    for name in sorted(names - recorded):
        stem = name.partition(".")[0]
        if (found := parse_stem(stem)) is None:
            continue
        if stem not in own:
            yield Fault(STRANGE, name, "belongs to another dataset, or to another size of this one")
        elif found[0].number not in lacking:
            yield Fault(STRANGE, name, "is in no record")


def _strange_pictures(
    store: Store,
    plan: ShardPlan,
    classes: tuple[str, ...],
    recorded: set[str],
    lacking: set[int],
) -> Iterator[Fault]:
    """Pictures and tables that no record has; those of shards at fault go with their shard."""
    for name in sorted(store.names(METADATA)):
        found = parse_stem(name.partition(".")[0])
        is_lacking = found is not None and found[0].number in lacking
        if f"{METADATA}/{name}" not in recorded and not is_lacking:
            yield Fault(STRANGE, f"{METADATA}/{name}", "is in no record")
    own = folder_names(classes)
    for folder in sorted({*own, *store.folders(FOLDER)}):
        for name in sorted(store.names(f"{FOLDER}/{folder}")):
            path = f"{FOLDER}/{folder}/{name}"
            if path in recorded:
                continue
            index = number_of(name.partition(".")[0])
            is_own = 0 <= index < plan.samples and own[index % len(own)] == folder
            if not (is_own and plan.shard_of(index).number in lacking):
                yield Fault(STRANGE, path, "is in no record")
