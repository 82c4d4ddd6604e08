"""A thread that generates one block while the caller trains."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Worker:
    """Does `work(block)` in a thread of its own, which begins at once."""

    def __init__(self, work: Callable[[int], None], block: int) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(work, block), name="generate", daemon=True
        )
        self._thread.start()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def result(self) -> None:
        """Wait for its end; raises what the work raised."""
        while self._thread.is_alive():
            self._thread.join(timeout=0.1)  # so that Ctrl-C is heard
        if self._error is not None:
            raise self._error

    def _run(self, work: Callable[[int], None], block: int) -> None:
        try:
            work(block)
        except BaseException as error:
            self._error = error
