"""An entry of the cache: a folder of files and the record that says what they are.

The record, `entry.json`, holds the key that the files were made for and the size and SHA-256 of
each of them, and ends with its own digest: a changed byte shows wherever it is, and so does a file
more. Whoever can write an entry can write a record that fits, and an engine is native code: so an
entry serves only where nobody but this user, or root, can have written it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue

from ..base.digest import file_digest, key_digest
from ..base.errors import InputError
from ..base.foreign import ForeignValues, check_values
from ..base.ownership import close_to_others, distrust
from ..base.reading import load_json

FORMAT = 1
RECORD = "entry.json"
_REMEDY = "remove the entry"


@dataclass(frozen=True)
class CacheKey:
    """Everything that decides what an entry holds; another value anywhere is another entry."""

    kind: str
    """What made the entry: `tensorrt`, `torch`, `export`, `encoder`, `tuning`, `schedule`,
    `single-file`."""
    name: str
    """What people call it: the graph's name."""
    graph: str
    """Digest of the graph."""
    options: Mapping[str, Any]
    """Build options, as JSON can hold them."""
    library: str
    """Library and version: `tensorrt_rtx 1.7.1`."""
    device: str
    """What it runs on: `sm_89`, a CPU's name."""
    driver: str | None

    @property
    def digest(self) -> str:
        """The name of the entry's folder: 32 hex digits."""
        return key_digest(vars(self))[:32]


@dataclass(frozen=True)
class Entry:
    """What is known of an entry; what its record does not tell is None."""

    path: Path
    bytes: int = 0
    """Size of all files together."""
    key: CacheKey | None = None
    created: datetime | None = None
    used: datetime | None = None
    """When it was last found."""
    problem: str | None = None
    """Why it cannot be used."""


class _Key(ForeignValues):
    """A `CacheKey` as a record holds it."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    name: str
    graph: str
    options: dict[str, JsonValue]
    library: str
    device: str
    driver: str | None


class _File(ForeignValues):
    bytes: int
    sha256: str


class _Record(ForeignValues):
    model_config = ConfigDict(extra="forbid")

    format: Literal[1]
    key: _Key
    zeroreal: str
    created: Annotated[AwareDatetime, Field(strict=False)]
    files: dict[str, _File]
    digest: str


class DamagedError(Exception):
    """An entry is not what its record says, or its record cannot be read."""


def seal(folder: Path, key: CacheKey) -> None:
    """Record the files in `folder` as the entry of `key` and flush everything to disk."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    record: dict[str, Any] = {
        "format": FORMAT,
        "key": vars(key),
        "zeroreal": metadata.version("zeroreal"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {
            path.relative_to(folder).as_posix(): {
                "bytes": path.stat().st_size,
                "sha256": file_digest(path),
            }
            for path in files
        },
    }
    record["digest"] = key_digest(record)
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    for path in (*folder.rglob("*"), folder):
        close_to_others(path)
        flush(path)


def flush(path: Path) -> None:
    """Wait until a file's or folder's content is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_entry(folder: Path, check_files: bool, foreign: bool = False) -> Entry:
    """The entry in `folder` and its problem, if any; `check_files` reads every byte of it.

    That others may have written it is a problem unless `foreign` is given.
    """
    entry = Entry(folder)
    try:
        sizes = (path.lstat().st_size for path in folder.rglob("*") if path.is_file())
        entry = replace(entry, bytes=sum(sizes))
        record = _read_record(folder)
        entry = replace(
            entry,
            key=_key(record),
            created=record.created,
            used=datetime.fromtimestamp((folder / RECORD).stat().st_mtime, UTC),
        )
        if not foreign and (reason := distrust((folder, *folder.rglob("*")))):
            raise DamagedError(f"{reason}: 'zeroreal cache trust' takes it over")
        if check_files:
            _check_files(folder, record.files)
    except (DamagedError, InputError) as damage:
        return replace(entry, problem=str(damage))
    except OSError as error:
        name = Path(error.filename).name if error.filename else "a file"
        return replace(entry, problem=f"{name}: {error.strerror}")
    return entry


def _read_record(folder: Path) -> _Record:
    content = load_json(folder / RECORD, "record", _REMEDY)
    record = check_values(_Record, content, f"record {str(folder / RECORD)!r}", _REMEDY)
    if record.digest != key_digest({name: content[name] for name in content if name != "digest"}):
        raise DamagedError(f"{RECORD} does not match its digest")
    if _key(record).digest != folder.name:
        raise DamagedError("it was made for another key")
    return record


def _key(record: _Record) -> CacheKey:
    return CacheKey(**dict(record.key))


def _check_files(folder: Path, files: Mapping[str, _File]) -> None:
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    if unknown := sorted(found - {RECORD} - files.keys()):
        raise DamagedError(f"{unknown[0]} is not in its record")
    for name, recorded in files.items():
        size = (folder / name).stat().st_size
        if size != recorded.bytes:
            raise DamagedError(f"{name} has {size} bytes, not {recorded.bytes}")
        if file_digest(folder / name) != recorded.sha256:
            raise DamagedError(f"{name} does not match its digest")
