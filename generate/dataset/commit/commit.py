"""Committing a shard: all of its files are there, or it is not.

A shard is written under a pending name and flushed to disk. Its record, with digests and
statistics, and the files beside its main one are staged. Then the main file is put in place,
which one worker alone can do: that commits the shard. What was staged follows. A worker that dies
before the commit leaves nothing but pending files; one that dies after it leaves all that others
need to finish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ....base.digest import file_digest
from ....base.files import write_atomically
from ..store.store import PENDING, Store
from .record import RECORD, FileFacts, ShardRecord, read_record
from .shards import parse_stem

FOLDER = "train"
"""Where the format `folder` keeps its class folders: other folders lie beside it."""
METADATA = "metadata"
"""Where the format `folder` keeps its tables."""

_MAIN = {"webdataset": ".tar", "parquet": ".parquet", "npy": ".npy", "folder": RECORD}


def main_suffix(shard_format: str) -> str:
    """The suffix of the file whose presence commits a shard."""
    return _MAIN[shard_format]


@dataclass(frozen=True)
class PendingShard:
    """A shard whose files are written and flushed in a worker's folder."""

    token: str
    stem: str
    shard_format: str
    files: Mapping[str, Path]
    """What is where: final names, and paths seen from the worker's folder."""

    @property
    def main(self) -> str:
        """The final name of the file that commits the shard."""
        return self.stem + _MAIN[self.shard_format]


def file_facts(path: Path) -> FileFacts:
    """Size and digest of a file."""
    return FileFacts(path.stat().st_size, file_digest(path))


def place(store: Store, pending: PendingShard) -> dict[str, FileFacts]:
    """Put those files in place that come before the commit; gives the facts of all of the shard's.

    These are the pictures of the format `folder`, for which the record commits. Where another
    worker has put the same picture in place, it stays, and the facts are those of what is there.
    """
    scratch = store.scratch(pending.token)
    facts = {name: file_facts(scratch / path) for name, path in pending.files.items()}
    if pending.shard_format == "folder":
        for name, path in pending.files.items():
            if not store.create(pending.token, str(path), name):
                facts[name] = file_facts(store.local(name, scratch))
    return facts


def commit(store: Store, pending: PendingShard, record: ShardRecord) -> bool:
    """Commit a shard; False where another worker has done so, whose files then stay.

    Raises `FileNotFoundError` where the pending files were removed: the worker was taken for dead.
    """
    token, name = pending.token, pending.stem + RECORD
    write_atomically(store.scratch(token) / name, record.content())
    beside: list[str] = []
    if pending.main != name:  # the record last: it says that all is there
        beside = [*(one for one in pending.files if one != pending.main), name]
    for one in beside:
        store.stage(token, one)
    if not store.create(token, pending.main, pending.main):
        return False
    for one in beside:
        _publish(store, token, one)
    return True


def finish_commits(store: Store, shard_format: str, tokens: Sequence[str]) -> list[str]:
    """Finish what dead workers began after the commit; gives the stems of these shards.

    A worker that was taken for dead and is not commits nothing of these folders from then on.
    """
    finished = []
    for token in tokens:
        folder = f"{PENDING}/{token}"
        _prevent(store, folder, _MAIN[shard_format])
        staged = set(store.names(folder))
        for name in sorted(one for one in staged if one.endswith(RECORD)):
            stem = name.removesuffix(RECORD)
            main = stem + _MAIN[shard_format]
            if main == name or store.exists(name) or not store.exists(main):
                continue
            try:
                record = read_record(store.read(f"{folder}/{name}"), name)
            except FileNotFoundError:
                continue  # another finishes it at the same time
            if not _is_the_same(store, main, record.files[main]):
                continue
            for one in (*record.files, name):
                if one in staged:
                    _publish(store, token, one)
            finished.append(stem)
    return finished


def _prevent(store: Store, folder: str, suffix: str) -> None:
    """Take away what would commit a shard: from now on it is committed, or will not be."""
    for name in store.names(folder):
        if name.endswith(suffix) and parse_stem(name.removesuffix(suffix)) is not None:
            store.remove(f"{folder}/{name}")


def _publish(store: Store, token: str, name: str) -> None:
    try:
        store.publish(token, name)
    except FileNotFoundError:
        if not store.exists(name):  # else another worker has finished this commit
            raise


def _is_the_same(store: Store, name: str, facts: FileFacts) -> bool:
    if store.size(name) != facts.bytes:
        return False
    with TemporaryDirectory(prefix="zeroreal-commit-") as folder:
        return file_digest(store.local(name, Path(folder))) == facts.sha256
