"""The note of the worker in this process, kept up to date while it lives."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace

from .store import Store
from .workers import BEAT_SECONDS, new_note, write_note


class Heartbeat:
    """Writes a worker's note at once, then every so many seconds, and at the end.

    Notes help others to keep out of the way and people to see what goes on; nothing depends on
    them, so one that cannot be written is left out.
    """

    def __init__(self, store: Store, device: str, seconds: float = BEAT_SECONDS) -> None:
        self._store, self._note = store, new_note(device)
        self._began: float | None = None
        self._has_ended, self._due = False, threading.Event()
        write_note(store, self._note)  # this one must be there before the first file
        self._thread = threading.Thread(target=self._beat, args=(seconds,), daemon=True)
        self._thread.start()

    @property
    def token(self) -> str:
        """Names the worker."""
        return self._note.token

    def begin(self, shard: int) -> None:
        """A shard is made from now on, which others see soon: the caller does not wait for it."""
        if self._began is None:
            self._began = time.perf_counter()
        self._note = replace(self._note, shard=shard, shard_images=0)
        self._due.set()

    def count(self, images: int, waited: float) -> None:
        """Images were made; generation has waited for so many seconds in all."""
        seconds = time.perf_counter() - self._began if self._began is not None else 0.0
        self._note = replace(
            self._note,
            images=self._note.images + images,
            shard_images=self._note.shard_images + images,
            seconds=seconds,
            waited=waited,
        )

    def committed(self) -> None:
        """A shard was committed."""
        self._note = replace(self._note, shards=self._note.shards + 1)

    def close(self) -> None:
        """The worker has ended."""
        self._has_ended = True
        self._due.set()
        self._thread.join()
        self._note = replace(self._note, shard=None, shard_images=0, ended=True)
        self._write()

    def _beat(self, seconds: float) -> None:
        while not self._has_ended:
            self._write()
            self._due.wait(seconds)
            self._due.clear()

    def _write(self) -> None:
        with suppress(Exception):
            write_note(self._store, self._note)
