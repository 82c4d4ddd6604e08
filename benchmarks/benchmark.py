"""What a benchmark is: where its settings and its measurement are, and what its tables show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..report.results.column import Column

if TYPE_CHECKING:
    from ..report.results.result import Figures
    from .harness.progress import Progress

RATIO = Column("ratio", "ratio", ".2f", with_quartiles=True)
IMAGES_PER_SECOND = Column("images/s", "images_per_second", ".4g")


@dataclass(frozen=True)
class Benchmark:
    """One benchmark; modules are below `zeroreal.benchmarks`, and imported when they are needed."""

    name: str
    help: str
    """One line, then what else there is to know."""
    settings: str
    """`module:Class` of a frozen dataclass, which imports no PyTorch."""
    measure: str
    """`module:function` that takes the settings and a `Progress` and gives `Figures`."""
    columns: tuple[Column, ...]

    def settings_class(self) -> type:
        """The class of its settings."""
        kind: type = _load(self.settings)
        return kind

    def measurement(self) -> Callable[[Any, Progress], Figures]:
        """The function that measures."""
        function: Callable[[Any, Progress], Figures] = _load(self.measure)
        return function


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"{__package__}.{module}"), name)
