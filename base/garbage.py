"""When Python looks for garbage: not while much is made that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """For imports and loading, also as a decorator: nothing is searched for garbage meanwhile.

    Importing a network library makes a million objects that all stay, and each collection goes
    through them again: a quarter of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
