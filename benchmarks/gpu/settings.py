"""What is asked of the parts that take a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...base.errors import InputError
from ...base.settings import option


def names_of(text: str) -> tuple[str, ...]:
    """The names in a text such as `guided,kernels`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True)
class GpuSettings:
    """Which parts, where their results go, and how long they may take."""

    parts: tuple[str, ...] = option((), read=names_of, shown="all")
    """Names of parts, such as guided,kernels."""
    out: Path | None = option(None, shown="$OUT, or benchmarks/results")
    """The folder for results, which also says what is done already."""
    minutes: float = 8.0
    """The most that a part may take; what it has measured by then stays."""
    budget: float | None = None
    """Minutes for all: a part that is likely to take more than is left is not started."""
    again: bool = False
    """Run parts that are done as well."""

    def __post_init__(self) -> None:
        for name in ("minutes", "budget"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name} is {value}: a number of minutes above 0 is needed")
