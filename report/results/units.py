"""Figures with their units, as people read them: in the prefix that suits, with four digits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..page import SPACE

_SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "s": ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "B": ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")),
    "B/s": ((1e12, "TB/s"), (1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1, "B/s")),
    "FLOP": ((1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP"), (1, "FLOP")),
    "FLOP/s": ((1e12, "TFLOP/s"), (1e9, "GFLOP/s"), (1e6, "MFLOP/s"), (1, "FLOP/s")),
    "J": ((1e3, "kJ"), (1, "J"), (1e-3, "mJ"), (1e-6, "µJ")),
    "1": ((1e-2, "%"),),
    "x": ((1, "×"),),
}
"""Size and name of a unit's multiples, the largest first."""


@dataclass(frozen=True)
class Scale:
    """What a unit's numbers are divided by, and what they are then counted in."""

    size: float
    name: str

    def number(self, value: float) -> str:
        """The number alone; shares and ratios with three digits."""
        return number(value / self.size, 3 if self.name in ("%", "×") else 4)

    def figure(self, value: float) -> str:
        """The number with its unit, which stay together."""
        gap = "" if self.name == "×" else SPACE
        return f"{self.number(value)}{gap}{self.name}".rstrip(SPACE)


def scale_of(unit: str, values: Iterable[float]) -> Scale:
    """The multiple of `unit` in which the largest of `values` has its leading digits before 1,000.

    A unit that has no multiples here is left as it is.
    """
    scales = _SCALES.get(unit, ((1.0, unit),))
    largest = max(map(abs, values), default=0.0)
    if largest == 0.0 and (1, unit) in scales:
        return Scale(1, unit)
    return Scale(*next((one for one in scales if largest >= one[0] * (1 - 1e-9)), scales[-1]))


def figure(value: float, unit: str) -> str:
    """A value with its unit."""
    return scale_of(unit, (value,)).figure(value)


def number(value: float, digits: int = 4) -> str:
    """So many digits, or all before the decimal point, in groups of three."""
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"
