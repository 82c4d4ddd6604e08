"""A lock that many threads hold together, or one alone."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["RECORDING", "ReadersWriterLock"]


class ReadersWriterLock:
    """Held by many threads at once, `shared`, or by one, `exclusive`.

    Who wants it alone goes before all who come to share it later, and in turn. A thread that holds
    it may take it again to share it; taking it alone while sharing it is an error.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sharing: Counter[int] = Counter()  # how often each thread has taken it
        self._alone: deque[threading.Thread] = deque()  # who has or wants it alone, in turn
        self._times_alone = 0  # that the first of them has taken it

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Inside, no other thread holds the lock alone."""
        own = threading.current_thread()
        with self._changed:
            if not self._sharing[own.ident or 0] and not self._is_held_alone_by(own):
                self._changed.wait_for(lambda: not self._alone)
            self._sharing[own.ident or 0] += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharing[own.ident or 0] -= 1
                self._sharing += Counter()  # without those that have let go
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Inside, no other thread holds the lock."""
        own = threading.current_thread()
        with self._changed:
            if not self._is_held_alone_by(own):
                self._wait_in_turn(own)
            self._times_alone += 1
        try:
            yield
        finally:
            with self._changed:
                self._times_alone -= 1
                if not self._times_alone:
                    self._alone.popleft()
                self._changed.notify_all()

    def _is_held_alone_by(self, thread: threading.Thread) -> bool:
        return self._times_alone > 0 and self._alone[0] is thread

    def _wait_in_turn(self, own: threading.Thread) -> None:
        if self._sharing[own.ident or 0]:
            raise RuntimeError("a lock that this thread shares cannot be had alone: let go first")
        self._alone.append(own)
        try:
            self._changed.wait_for(
                lambda: self._alone[0] is own and not self._times_alone and not +self._sharing
            )
        except BaseException:  # Ctrl-C
            self._alone.remove(own)
            self._changed.notify_all()
            raise


RECORDING = ReadersWriterLock()
"""Of the process: held alone by the thread that records a CUDA graph.

A recording breaks where another thread waits for the whole device, draws from its default generator
(dropout) or records too. Work that may do so while images are generated beside shares the lock.
"""
