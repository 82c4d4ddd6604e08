"""What of a dataset's faults is mended without a generator: finished, recorded or removed."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from ....base import InputError
from ....data.class_folders import folder_names
from ..commit.commit import FOLDER, file_facts, main_suffix
from ..commit.dead import clear_dead
from ..commit.record import RECORD, ShardRecord, WorkerFacts, read_record
from ..commit.shards import ShardRange
from ..commit.workers import read_notes
from ..config.config import DatasetConfig, read_config
from ..store.store import Store
from ..writing.tally import Tally
from .contents import shard_files, shard_rows
from .tar_contents import number_of
from .verify import MISSING, STRANGE, UNRECORDED, Fault


def repair(store: Store, faults: tuple[Fault, ...]) -> list[int]:
    """Finish what can be finished and remove what is damaged; gives the shards to make again.

    To be called where the generator that makes them again is at hand.
    """
    config = read_config(store)
    clear_dead(store, config.settings.format)
    again = []
    for fault in faults:
        if fault.kind == STRANGE:
            store.remove(fault.name)
        if fault.shard is None:
            continue
        shard = config.plan[fault.shard]
        stem = config.plan.stem(shard)
        if fault.kind == UNRECORDED:
            if _record(store, stem) is None:  # else it was finished just now
                _write_record(store, config, shard, stem)
        elif fault.kind != MISSING or not store.exists(stem + main_suffix(config.settings.format)):
            _remove_shard(store, config, shard, stem)
            again.append(fault.shard)
    return again


def _record(store: Store, stem: str) -> ShardRecord | None:
    """The record of a shard; None where it is lost or damaged."""
    try:
        return read_record(store.read(stem + RECORD), stem)
    except (FileNotFoundError, InputError):
        return None


def _remove_shard(store: Store, config: DatasetConfig, shard: ShardRange, stem: str) -> None:
    """Remove all files of a shard, the one that commits it first."""
    record = _record(store, stem)
    names = {*shard_files(config.settings.format, stem), stem + RECORD}
    if record is not None:
        names |= record.files.keys()
    elif config.settings.format == "folder":
        names |= _pictures(store, config, shard)
    main = stem + main_suffix(config.settings.format)
    store.remove(main)
    for name in names - {main}:
        store.remove(name)


def _pictures(store: Store, config: DatasetConfig, shard: ShardRange) -> set[str]:
    """The pictures of a shard that has no record; none while a worker may be placing them."""
    if any(note.is_alive() for note in read_notes(store)):
        return set()
    names = folder_names([item.name for item in config.classes])
    folders = [f"{FOLDER}/{name}" for name in names]
    return {
        f"{folder}/{name}"
        for folder in folders
        for name in store.names(folder)
        if shard.first <= number_of(name.partition(".")[0]) < shard.end
    }


def _write_record(store: Store, config: DatasetConfig, shard: ShardRange, stem: str) -> None:
    """Write the record that a shard lacks, as far as its files tell."""
    shard_format = config.settings.format
    with tempfile.TemporaryDirectory(prefix="zeroreal-verify-") as temporary:
        there = {
            name: store.local(name, Path(temporary)) for name in shard_files(shard_format, stem)
        }
        rows = shard_rows(shard_format, stem, there.__getitem__)
        files = {name: file_facts(path) for name, path in there.items()}
    tally = Tally(config.recipe)
    for row in rows:
        tally.add(row)
    worker = WorkerFacts(
        "unknown", 0, "unknown", rows[0]["engine"], rows[0]["precision"], 0, 0, 0, "unknown"
    )
    record = ShardRecord(
        stem=stem,
        first=shard.first,
        end=shard.end,
        files=files,
        classes=tally.classes,
        rejected=tally.rejected,
        kept={},
        worker=worker,
        seconds=0.0,
        finished=datetime.now().astimezone().isoformat(timespec="seconds"),
        groups=tally.groups,
    )
    store.write(stem + RECORD, record.content())
