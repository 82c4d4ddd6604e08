"""Who works on a dataset: a note of each worker beside the shards, rewritten while it lives."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from .store import PENDING, Store

WORKERS = ".workers"
BEAT_SECONDS = 5.0
"""How often a note is rewritten."""
_SILENT_SECONDS = 60.0  # clocks of machines differ, and file systems show files late


@dataclass(frozen=True)
class WorkerNote:
    """What a worker says of itself."""

    token: str
    """Names the worker, once and for all."""
    host: str
    pid: int
    device: str
    started: float
    """Seconds since 1970, as all times here."""
    beat: float
    """When this was written."""
    shard: int | None = None
    """The shard that it makes."""
    shard_images: int = 0
    """That it made of this shard so far."""
    images: int = 0
    """That it made in all."""
    shards: int = 0
    """That it committed."""
    seconds: float = 0.0
    """That it generated for."""
    waited: float = 0.0
    """Seconds of these in which generation waited for files to be written."""
    ended: bool = False

    @property
    def images_per_second(self) -> float:
        """Over all that it made; 0 before the first images."""
        return self.images / self.seconds if self.seconds else 0.0

    def is_alive(self, now: float | None = None) -> bool:
        """Whether it still works, as far as can be told from here."""
        if self.ended:
            return False
        if self.host == socket.gethostname() and not Path(f"/proc/{self.pid}").exists():
            return not Path("/proc").exists()  # no such place on macOS: by its beat
        return (time.time() if now is None else now) - self.beat < _SILENT_SECONDS


_NOTES = TypeAdapter(WorkerNote)  # made once: that takes longer than reading a note


def new_note(device: str) -> WorkerNote:
    """The note of a worker in this process that begins now."""
    host, pid, now = socket.gethostname(), os.getpid(), time.time()
    token = f"{host}-{pid}-{secrets.token_hex(4)}"
    return WorkerNote(token, host, pid, device, now, now)


def write_note(store: Store, note: WorkerNote) -> WorkerNote:
    """Write a note anew; gives it with the time at which that was done."""
    note = replace(note, beat=time.time())
    store.write(f"{WORKERS}/{note.token}.json", json.dumps(asdict(note)).encode())
    return note


def read_notes(store: Store) -> list[WorkerNote]:
    """The notes of all workers, dead ones too, by when they began."""
    notes = []
    for name in store.names(WORKERS):
        if not name.endswith(".json") or name.startswith("."):
            continue
        try:
            notes.append(_NOTES.validate_json(store.read(f"{WORKERS}/{name}")))
        except (FileNotFoundError, ValidationError):
            continue  # removed just now, or of another version: it says nothing
    return sorted(notes, key=lambda note: note.started)


def pending_folder(token: str, shard: int) -> str:
    """The name of the folder in which a worker writes a shard."""
    return f"{token}.{shard:06d}"


def dead_folders(store: Store) -> list[str]:
    """The folders of pending files whose workers do not work any more.

    A worker writes its note before its first file, so that a folder without a note is a dead one's.
    """
    folders = store.folders(PENDING)
    alive = {note.token for note in read_notes(store) if note.is_alive()}
    return [folder for folder in folders if folder.rpartition(".")[0] not in alive]
