"""The run report: one HTML file that holds everything and loads nothing."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from .files import write_atomically
from .pictures import png_bytes

_WORST_PAIRS = 5
_SPACE = "\N{NO-BREAK SPACE}"  # so that no unit lands on the next line


def write_report(
    path: Path, summary: Mapping[str, Any], pictures: Mapping[str, Image.Image]
) -> None:
    """Write the report of a run to `path`, whole or not at all.

    `summary` is the content of the run's `metrics.json`. `pictures` go where the page expects them
    by the names `samples` and `confusion`; others follow at the end under their own names.
    """
    uris = {name: _data_uri(picture) for name, picture in pictures.items()}
    template = _environment().get_template("report.html.j2")
    test, training = summary["test"], summary["training"]
    page = template.render(
        run=summary,
        pictures=uris,
        more_pictures={k: v for k, v in uris.items() if k not in ("samples", "confusion")},
        mistakes=_mistakes(test["confusion"], summary["classes"]) if test else [],
        curves=[
            curve("Training loss", training["loss"], "{:.3g}".format),
            curve(
                "Accuracy on the synthetic images",
                training["accuracy"],
                lambda share: f"{share * 100:.3g}{_SPACE}%",
            ),
        ],
        total_seconds=sum(summary["seconds"].values()),
    )
    write_atomically(path, page.encode())


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
    return "–" if share is None else f"{share * 100:.{digits}f}{_SPACE}%"


def duration(seconds: float) -> str:
    """Seconds as text, in the units that suit them."""
    if seconds < 10:
        return f"{seconds:.1f}{_SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}{_SPACE}h {minutes:02d}{_SPACE}min"
    tail = f"{rest:02d}{_SPACE}s"
    return f"{minutes}{_SPACE}min {tail}" if minutes else tail


def memory(size: float) -> str:
    """Bytes as text, in MiB or GiB."""
    return f"{size / 2**30:.2f}{_SPACE}GiB" if size >= 2**30 else f"{size / 2**20:.0f}{_SPACE}MiB"


def moment(iso: str) -> str:
    """An ISO 8601 time for readers; whatever else was given, as it is."""
    try:
        time = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{time.day} {time:%B %Y, %H:%M} {time.tzname() or ''}".strip()


def _mistakes(
    confusion: Sequence[Sequence[int]], classes: Sequence[str]
) -> list[tuple[str, str, int, float]]:
    """The most frequent: true class, predicted class, count, share of the true class."""
    pairs: Iterable[tuple[str, str, int, float]] = (
        (classes[i], classes[j], count, count / sum(row))
        for i, row in enumerate(confusion)
        for j, count in enumerate(row)
        if i != j and count
    )
    return sorted(pairs, key=lambda pair: -pair[2])[:_WORST_PAIRS]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
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


def _data_uri(image: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(png_bytes(image)).decode()
