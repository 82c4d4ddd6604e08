"""Drawings as shapes, which the pages' template turns into SVG that takes its colours from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .page import ticks

WIDTH = 360.0
"""Units of a drawing that is as wide as a phone, so that its 11-unit text is readable there."""
COLOURS = 8
"""How many series a drawing can tell apart: classes `s0` to `s7`."""
_GLYPH = 6.1  # units, about, of a letter of 11 units


@dataclass(frozen=True)
class Shape:
    """An element of SVG."""

    tag: str
    attributes: Mapping[str, str | float]
    text: str = ""
    hint: str = ""
    """What a browser shows where the mouse rests."""


@dataclass(frozen=True)
class Drawing:
    """Shapes in a rectangle of `width` by `height` units, from its upper left corner."""

    title: str
    summary: str
    """What it shows, for those who do not see it."""
    height: float
    shapes: tuple[Shape, ...]
    note: str = ""
    """How to read it."""
    key: tuple[tuple[str, str], ...] = ()
    """Class and name of each series."""
    width: float = WIDTH


@dataclass(frozen=True)
class Axis:
    """Where values lie between two places, evenly or by their logarithms."""

    low: float
    high: float
    begin: float
    end: float
    marks: tuple[float, ...] = field(default=())
    is_log: bool = False

    def place(self, value: float) -> float:
        """The place of `value`, which has to be above 0 where logarithms are taken."""
        low, high, at = self.low, self.high, value
        if self.is_log:
            low, high, at = math.log(low), math.log(high), math.log(value)
        return round(self.begin + (self.end - self.begin) * (at - low) / (high - low), 2)


def linear(values: Sequence[float], begin: float, end: float) -> Axis:
    """An axis from 0 to a round number above all `values`, which are not below 0."""
    marks = ticks(0.0, max(*values, 1e-8), 4)
    return Axis(0.0, marks[-1], begin, end, tuple(marks))


def logarithmic(values: Sequence[float], begin: float, end: float, base: float = 10.0) -> Axis:
    """An axis between powers of `base` that enclose all `values`, a mark at each."""
    first = math.floor(math.log(min(values), base) + 1e-9)
    last = max(math.ceil(math.log(max(values), base) - 1e-9), first + 1)
    marks = tuple(base**power for power in range(first, last + 1))
    return Axis(marks[0], marks[-1], begin, end, marks, is_log=True)


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> Shape:
    """Words that begin, end or have their middle at a place."""
    return Shape("text", {"x": x, "y": y, "class": kind, "text-anchor": anchor}, words)


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> Shape:
    """A straight line."""
    return Shape("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": kind})


def box(x: float, y: float, width: float, height: float, kind: str, hint: str = "") -> Shape:
    """A filled rectangle, wide enough to be seen."""
    sizes = {"width": round(max(width, 0.6), 2), "height": height}
    return Shape("rect", {"x": x, "y": y, **sizes, "class": kind}, hint=hint)


def path(points: Sequence[tuple[float, float]], kind: str) -> Shape:
    """A line through points."""
    return Shape("polyline", {"points": " ".join(f"{x},{y}" for x, y in points), "class": kind})


def dot(x: float, y: float, kind: str, hint: str = "") -> Shape:
    """A point."""
    return Shape("circle", {"cx": x, "cy": y, "r": 3.5, "class": kind}, hint=hint)


def clipped(words: str, width: float) -> str:
    """The words, their end cut off where they are wider than `width`."""
    most = max(int(width / _GLYPH), 1)
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def grid(across: Axis, up: Axis, names: tuple[Sequence[str], Sequence[str]]) -> list[Shape]:
    """Lines at the marks of both axes, with the text of each mark, `across` first."""
    shapes = []
    for mark, name in zip(up.marks, names[1], strict=True):
        y = up.place(mark)
        shapes += [
            line(across.begin, y, across.end, y),
            text(across.begin - 6, y + 4, name, "", "end"),
        ]
    for mark, name in zip(across.marks, names[0], strict=True):
        shapes.append(text(across.place(mark), up.begin + 16, name, "", "middle"))
    return shapes
