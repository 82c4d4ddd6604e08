"""Seconds and peak resident memory of the stages of some work."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INTERVAL = 0.02  # seconds between two looks at the memory


class Stages:
    """Seconds and peak resident memory of each stage."""

    def __init__(self) -> None:
        self.current = "start"
        self.peak_bytes: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def enter(self, stage: str) -> None:
        """From now on it is `stage`."""
        now = time.perf_counter()
        self.seconds[self.current] = self.seconds.get(self.current, 0.0) + now - self._since
        self.current, self._since = stage, now

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the memory all the while."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(_INTERVAL):
                known = self.peak_bytes.get(self.current, 0)
                self.peak_bytes[self.current] = max(resident_bytes(), known)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.enter("end")


def resident_bytes() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])  # proc(5)
    return pages * os.sysconf("SC_PAGE_SIZE")
