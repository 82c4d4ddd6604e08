"""An object in a process of its own: its memory is its own, and its crash is nobody else's."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from ...base import InputError

# Forked from a server that has imported the libraries and done nothing with them: a new process
# starts at once, and with no device in use.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["zeroreal.train"])
_PATIENCE = 2.0  # seconds for a process to end by itself


class ContenderError(RuntimeError):
    """A contender failed in its process; the message is the reason."""


def reason_of(error: BaseException) -> str:
    """Why something failed, in one line."""
    lines = str(error).strip().splitlines() or [""]
    if isinstance(error, InputError | ContenderError):
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}"


class Worker:
    """Calls methods of the object that `make` gives, in a new process.

    `make`, arguments and results are pickled. A call raises `ContenderError` for whatever is raised
    there and for a process that dies; either closes the worker, which leaves its memory to others.
    """

    def __init__(self, make: Callable[[], object]) -> None:
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(target=_serve, args=(theirs, make), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, method: str, *arguments: Any) -> Any:
        """What the object's `method` gives."""
        try:
            self._pipe.send((method, arguments))
            failed, answer = self._pipe.recv()
        except (EOFError, OSError):
            self.close()
            raise ContenderError(_cause_of_death(self._process.exitcode)) from None
        if failed:
            self.close()
            raise ContenderError(answer)
        return answer

    def close(self) -> None:
        """End the process, also in the middle of a call."""
        self._pipe.close()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()


def _cause_of_death(status: int | None) -> str:
    if status == -signal.SIGKILL:
        return "its process was killed, as systems do that run out of memory: try a smaller batch"
    return f"its process ended with status {status}"


def _serve(pipe: Connection, make: Callable[[], object]) -> None:
    """Answer calls until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other process's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    served: object | None = None
    with suppress(EOFError, OSError):  # the other end is closed
        while True:
            method, arguments = pipe.recv()
            try:
                served = make() if served is None else served
                answer = (False, getattr(served, method)(*arguments))
            except Exception as error:
                answer = (True, reason_of(error))
            pipe.send(answer)
