"""A lock that many threads hold together, or one alone."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["RECORDING", "ReadersWriterLock"]


class ReadersWriterLock:
    """Held by many threads at once, `shared`, or by one, `exclusive`, as they come.

    A thread that holds it may take it again to share it; taking it alone while sharing it is an
    error.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets = itertools.count()
        self._waiting: dict[int, bool] = {}  # tickets, in order, and whether they are for one alone
        self._sharing: Counter[threading.Thread] = Counter()  # how often each has taken it
        self._alone: threading.Thread | None = None
        self._times_alone = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Inside, no other thread holds the lock alone."""
        own = threading.current_thread()
        with self._changed:
            if not self._sharing[own] and self._alone is not own:
                self._wait_in_turn(is_for_one=False)
            self._sharing[own] += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharing[own] -= 1
                self._sharing += Counter()  # without those that have let go
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Inside, no other thread holds the lock."""
        own = threading.current_thread()
        with self._changed:
            if self._alone is not own:
                if self._sharing[own]:
                    raise RuntimeError("a lock that this thread shares cannot be had alone")
                self._wait_in_turn(is_for_one=True)
            self._alone, self._times_alone = own, self._times_alone + 1
        try:
            yield
        finally:
            with self._changed:
                self._times_alone -= 1
                self._alone = own if self._times_alone else None
                self._changed.notify_all()

    def _wait_in_turn(self, is_for_one: bool) -> None:
        """Wait until all that came before and cannot share with this thread have had their turn."""
        ticket = next(self._tickets)
        self._waiting[ticket] = is_for_one
        try:
            self._changed.wait_for(lambda: self._may_have_it(ticket))
        finally:  # also where Ctrl-C ends the wait
            del self._waiting[ticket]
            self._changed.notify_all()

    def _may_have_it(self, ticket: int) -> bool:
        is_for_one = self._waiting[ticket]
        before = [one for number, one in self._waiting.items() if number < ticket]
        if is_for_one:
            return self._alone is None and not +self._sharing and not before
        return self._alone is None and not any(before)


RECORDING = ReadersWriterLock()
"""Of the process: held alone by the thread that records a CUDA graph.

A recording breaks where another thread waits for the whole device, draws from its default generator
(dropout) or records too. Work that may do so while images are generated beside shares the lock.
"""
