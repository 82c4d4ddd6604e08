"""Parts of HTML reports: one file that holds everything and loads nothing."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Path(__file__).with_name("templates")
SPACE = "\N{NO-BREAK SPACE}"  # so that no unit lands on the next line


@dataclass(frozen=True)
class Curve:
    """A line over epochs, in the units of an SVG drawing of `WIDTH` by `HEIGHT`."""

    title: str
    points: tuple[tuple[float, float], ...]
    marks: tuple[tuple[float, str], ...]
    """Height and text of each gridline."""
    epochs: tuple[tuple[float, int], ...]
    """Place and number of the first and last epoch."""
    final: str

    WIDTH = 420
    HEIGHT = 200
    LEFT, RIGHT, TOP, BOTTOM = 48, 408, 12, 168


def curve(
    title: str, values: Sequence[float | None], write: Callable[[float], str]
) -> Curve | None:
    """Lay out one value per epoch; `None` where not one of them is a finite number.

    `write` gives a value's text.
    """
    finite = [(i, v) for i, v in enumerate(values) if v is not None and math.isfinite(v)]
    if not finite:
        return None
    marks = ticks(min(v for _, v in finite), max(v for _, v in finite))
    low, high = marks[0], marks[-1]
    steps = max(len(values) - 1, 1)

    def x(epoch: int) -> float:
        return round(Curve.LEFT + (Curve.RIGHT - Curve.LEFT) * epoch / steps, 1)

    def y(value: float) -> float:
        share = (value - low) / (high - low)
        return round(Curve.BOTTOM - (Curve.BOTTOM - Curve.TOP) * share, 1)

    return Curve(
        title,
        tuple((x(epoch), y(value)) for epoch, value in finite),
        tuple((y(mark), write(mark)) for mark in marks),
        tuple((x(epoch), epoch + 1) for epoch in sorted({0, len(values) - 1})),
        write(finite[-1][1]),
    )


def ticks(low: float, high: float, at_most: int = 5) -> list[float]:
    """At least two round numbers, evenly spaced, that enclose `low` and `high`.

    They make `at_most` intervals.
    """
    if high - low < 1e-9:
        low = high - 0.1
    step = 10.0 ** math.floor(math.log10((high - low) / at_most))
    for factor in (1, 2, 5, 10, 20):
        first, last = math.floor(low / (step * factor)), math.ceil(high / (step * factor))
        if last - first <= at_most:
            break
    return [round(i * step * factor, 10) for i in range(first, last + 1)]


def percent(share: float | None, digits: int = 1) -> str:
    """A share of one as text, a dash for none."""
    return "–" if share is None else f"{share * 100:.{digits}f}{SPACE}%"


def duration(seconds: float) -> str:
    """Seconds as text, in the units that suit them."""
    if seconds < 10:
        return f"{seconds:.1f}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}{SPACE}h {minutes:02d}{SPACE}min"
    tail = f"{rest:02d}{SPACE}s"
    return f"{minutes}{SPACE}min {tail}" if minutes else tail


def memory(size: float) -> str:
    """Bytes as text, in MiB or GiB."""
    return f"{size / 2**30:.2f}{SPACE}GiB" if size >= 2**30 else f"{size / 2**20:.0f}{SPACE}MiB"


def moment(iso: str) -> str:
    """An ISO 8601 time for readers; whatever else was given, as it is."""
    try:
        time = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{time.day} {time:%B %Y, %H:%M} {time.tzname() or ''}".strip()


def page(template: Path, content: Mapping[str, Any]) -> bytes:
    """The Jinja template in a file, filled with `content`, as UTF-8.

    It may extend and import the templates of `report/templates`, which hold the style of all pages.
    """
    return _environment(template.parent).get_template(template.name).render(content).encode()


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader((folder, _TEMPLATES)),
        autoescape=True,  # class names come from the user
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "duration": duration,
        "memory": memory,
        "moment": moment,
        "count": "{:,}".format,
    }
    return environment


def data_uri(png: bytes) -> str:
    """The PNG file as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
