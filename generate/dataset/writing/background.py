"""Work that is done beside generation, in order, by a thread of its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any


class Background:
    """A bounded queue of calls that one thread makes in order.

    The first call that fails ends the work: those that wait are dropped, and the next `submit` or
    `drain` raises what it raised.

    Args:
        depth: how many calls may wait, the one under way included.
    """

    def __init__(self, depth: int) -> None:
        self.waited = 0.0
        """Seconds for which `submit` waited for a place in the queue."""
        self.busy_seconds = self.cpu_seconds = 0.0
        """Seconds that the calls took, and for which they computed."""
        self._places = BoundedSemaphore(depth)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="zeroreal writer")
        self._calls: deque[Future[None]] = deque()
        self._has_failed = False

    def submit(self, call: Callable[..., object], *arguments: Any) -> None:
        """Have `call` made after all that were submitted before; waits while the queue is full."""
        self._raise_failure()
        began = time.perf_counter()
        self._places.acquire()
        self.waited += time.perf_counter() - began
        self._calls.append(self._thread.submit(self._make, call, arguments))

    def drain(self) -> None:
        """Wait until all that was submitted is done."""
        while self._calls:
            self._calls.popleft().result()

    def close(self) -> None:
        """Drop what waits, and wait for the call under way."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _make(self, call: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        began, computed = time.perf_counter(), time.thread_time()
        try:
            if not self._has_failed:
                call(*arguments)
        except BaseException:
            self._has_failed = True
            raise
        finally:
            self.busy_seconds += time.perf_counter() - began
            self.cpu_seconds += time.thread_time() - computed
            self._places.release()

    def _raise_failure(self) -> None:
        while self._calls and self._calls[0].done():
            self._calls.popleft().result()
