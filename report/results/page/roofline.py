"""The roofline: rows by their operations for each byte, under what the machine does at most.

Williams, Waterman, Patterson: Roofline, Communications of the ACM 52 (4), 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...drawing import COLOURS, WIDTH, Axis, Drawing, Shape, dot, grid, logarithmic, path
from ..result import BenchmarkResult, Row
from ..units import figure, scale_of
from .families import without_numbered

INTENSITY, ATTAINABLE, RATE = "flop_per_byte", "attainable_flop_per_second", "flop_per_second"
_LEFT, _TOP, _BOTTOM, _HEIGHT = 52.0, 10.0, 190.0, 214.0


@dataclass(frozen=True)
class _Point:
    name: str
    intensity: float
    attainable: float
    rate: float

    @property
    def words(self) -> str:
        return f"{self.name}, {scale_of('1', ()).figure(self.rate / self.attainable)} of the roof"


def roofline_drawing(result: BenchmarkResult) -> Drawing | None:
    """The rows of the first case that has intensities, rates and roofs; None for no such."""
    for case in dict.fromkeys(row.case for row in result.rows):
        rows = without_numbered([row for row in result.rows if row.case == case])
        points = [point for row in rows if (point := _point(row)) is not None][:COLOURS]
        if points:
            return _drawing(points)
    return None


def _point(row: Row) -> _Point | None:
    rate = row.metrics.get(RATE)
    facts = [row.facts.get(name) for name in (INTENSITY, ATTAINABLE)]
    if rate is None or not all(isinstance(fact, int | float) and fact > 0 for fact in facts):
        return None
    intensity, attainable = (float(fact) for fact in facts if fact is not None)
    return None if rate.median <= 0 else _Point(row.name, intensity, attainable, rate.median)


def _drawing(points: Sequence[_Point]) -> Drawing:
    slope = max(point.attainable / point.intensity for point in points)
    roofs = sorted({point.attainable for point in points if not _on_slope(point, slope)})
    tops = roofs or [max(point.attainable for point in points)]
    wide = [point.intensity for point in points] + [top / slope for top in tops]
    scale = scale_of("FLOP/s", tops)
    rates = [value / scale.size for p in points for value in (p.rate, p.attainable)]
    across = logarithmic([min(wide) / 1.5, max(wide) * 1.5], _LEFT, WIDTH - 12)
    up = logarithmic([*rates, tops[-1] / scale.size * 1.2], _BOTTOM, _TOP)
    names = ([figure(mark, "") for mark in across.marks], [figure(m, "") for m in up.marks])
    shapes: list[Shape] = grid(across, up, names)
    for top in tops:
        shapes.append(path(_roof(top / scale.size, slope / scale.size, across, up), "roof"))
    for number, one in enumerate(points):
        x, y = across.place(one.intensity), up.place(one.rate / scale.size)
        shapes.append(dot(x, y, f"s{number}", f"{one.words}: {scale.figure(one.rate)}"))
    return Drawing(
        title="Roofline",
        summary="; ".join(one.words for one in points),
        height=_HEIGHT,
        shapes=tuple(shapes),
        note=f"{scale.name}, by FLOP for each byte; the lines are the measured ceilings of "
        "copying and of multiplying matrices",
        key=tuple((f"s{number}", one.words) for number, one in enumerate(points)),
    )


def _on_slope(point: _Point, slope: float) -> bool:
    return abs(point.attainable / point.intensity / slope - 1) < 1e-6


def _roof(top: float, slope: float, across: Axis, up: Axis) -> list[tuple[float, float]]:
    """From the left edge, or the floor, up to the ridge and on to the right."""
    begin = max(across.low, up.low / slope)
    ridge = top / slope
    points = [(begin, slope * begin), (ridge, top), (across.high, top)]
    return [(across.place(x), up.place(y)) for x, y in points if across.low <= x]
