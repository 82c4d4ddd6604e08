"""The note of the worker in this process, kept up to date while it lives."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..store.store import Store
from .workers import BEAT_SECONDS, new_note, write_note

_AT_ONCE_SECONDS = 1.0  # for which a shard that begins waits until others can see that
_END_SECONDS = 10.0  # for which the end waits for the last note


class Heartbeat:
    """Writes a worker's note at once, then every so many seconds, and at the end.

    Notes help others to keep out of the way and people to see what goes on; nothing depends on
    them, so one that cannot be written is left out. A thread writes them: where the store cannot be
    reached for minutes, generation goes on.
    """

    def __init__(self, store: Store, device: str, seconds: float = BEAT_SECONDS) -> None:
        self._store, self._note = store, new_note(device)
        self._began: float | None = None
        self._lock = threading.Lock()  # images are counted by one thread, shards by another
        self._has_news, self._is_written = threading.Event(), threading.Event()
        write_note(store, self._note)  # this one must be there before the first file
        self._thread = threading.Thread(target=self._beat, args=(seconds,), daemon=True)
        self._thread.start()

    @property
    def token(self) -> str:
        """Names the worker."""
        return self._note.token

    def begin(self, shard: int) -> None:
        """A shard is made from now on, which others see at once."""
        if self._began is None:
            self._began = time.perf_counter()
        self._change(shard=shard, shard_images=0)
        self._is_written.clear()
        self._has_news.set()
        self._is_written.wait(_AT_ONCE_SECONDS)

    def count(self, images: int, waited: float) -> None:
        """Images were made; generation has waited for so many seconds in all."""
        seconds = time.perf_counter() - self._began if self._began is not None else 0.0
        self._change(
            images=self._note.images + images,
            shard_images=self._note.shard_images + images,
            seconds=seconds,
            waited=waited,
        )

    def committed(self) -> None:
        """A shard was committed."""
        self._change(shards=self._note.shards + 1)

    def close(self) -> None:
        """The worker has ended."""
        self._change(shard=None, shard_images=0, ended=True)
        self._has_news.set()
        self._thread.join(_END_SECONDS)

    def _change(self, **values: Any) -> None:
        with self._lock:
            self._note = replace(self._note, **values)

    def _beat(self, seconds: float) -> None:
        note = self._note
        while not note.ended:
            self._has_news.wait(seconds)
            self._has_news.clear()
            note = self._note
            with suppress(Exception):
                write_note(self._store, note)
            self._is_written.set()
