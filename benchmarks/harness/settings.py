"""What the settings of all benchmarks have in common, and whom a benchmark tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...base import InputError

Tell = Callable[[str], None]
"""Is given a line whenever a benchmark gets on."""


def silent(line: str) -> None:
    """Tell nobody."""


def check_counts(counts: Mapping[str, int], least: int = 1) -> None:
    """Raise `InputError` for the first of `counts`, by name, that is below `least`."""
    for name, count in counts.items():
        if count < least:
            raise InputError(f"{name} is {count}: at least {least} is needed")
