"""Signals that end a process, kept off while what it has done is saved."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_log = logging.getLogger(__name__)

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def undisturbed(what: str) -> Iterator[None]:
    """Inside, Ctrl-C, a polite kill and a terminal that closes are told to wait for `what`.

    A shell that ends sends a signal more than once. Other threads hear none anyway.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def wait(number: int, frame: object) -> None:
        _log.warning("%s: this takes a moment", what)

    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    # None: set by something other than Python, which could not be set again.
    before = {k: v for k, v in before.items() if v not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, wait)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
