"""Whom a benchmark tells how far it is, and gives what it has so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...base import InputError
from ...report.results.result import Figures


def _nobody(_: object) -> None:
    pass


@dataclass(frozen=True)
class Progress:
    """Told by a benchmark as it gets on; by default nobody listens."""

    tell: Callable[[str], None] = _nobody
    """Is given a line whenever a benchmark gets on."""
    keep: Callable[[Figures], object] = _nobody
    """Is given the figures so far, which stay if the benchmark is killed after."""


SILENT = Progress()


def check_counts(counts: Mapping[str, int], least: int = 1) -> None:
    """Raise `InputError` for the first of `counts`, by name, that is below `least`."""
    for name, count in counts.items():
        if count < least:
            raise InputError(f"{name} is {count}: at least {least} is needed")
