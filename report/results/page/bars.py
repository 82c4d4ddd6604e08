"""Bars of a case's rows: the median or mean of a metric, its quartiles, and the baseline."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from ...drawing import WIDTH, Drawing, Shape, box, clipped, line, linear, text
from ..metric import Metric
from ..result import Row
from ..units import scale_of

Place = Callable[[float], float]
_ROW, _BAR, _TOP = 36.0, 10.0, 6.0
_DIRECTIONS = {"higher": "longer is better", "lower": "shorter is better", "neither": ""}


def bars(title: str, rows: Sequence[Row], name: str, by_mean: bool = False) -> Drawing | None:
    """A bar for each of `rows` that has the metric `name`, as long as its median or mean.

    None for no such row, and where a value is below 0, which no bar has a length for.
    """
    shown = [row for row in rows if name in row.metrics]
    metrics = [row.metrics[name] for row in shown]
    if not metrics or min(min(metric.values) for metric in metrics) < 0:
        return None
    lengths = [statistics.fmean(m.values) if by_mean else m.median for m in metrics]
    scale = scale_of(metrics[0].unit, lengths)
    axis = linear([*lengths, *(metric.quartiles[1] for metric in metrics)], 0.0, WIDTH - 4)
    shapes: list[Shape] = []
    words = [scale.figure(length) for length in lengths]
    for number, row in enumerate(shown):
        top, length = _TOP + _ROW * number, axis.place(lengths[number])
        shapes += _bar(row, row.metrics[name], top, words[number], length, axis.place)
    height = _TOP + _ROW * len(shown)
    baseline = next((row for row in shown if row.is_baseline), None)
    notes = ["means" if by_mean else "", _DIRECTIONS[metrics[0].better]]
    if any(len(metric.values) > 1 for metric in metrics):
        notes.append("whiskers are quartiles")
    if baseline is not None:
        x = axis.place(lengths[shown.index(baseline)])
        for number in range(len(shown)):
            top = _TOP + _ROW * number + 14
            shapes.append(line(x, top, x, top + _BAR + 4, "baseline"))
        notes.append(f"the dashed line is {baseline.name}")
    return Drawing(
        title=title,
        summary="; ".join(f"{row.name} {text}" for row, text in zip(shown, words, strict=True)),
        height=height,
        shapes=tuple(shapes),
        note="; ".join(note for note in notes if note),
    )


def _bar(
    row: Row, metric: Metric, top: float, words: str, length: float, place: Place
) -> list[Shape]:
    ratio = row.metrics.get("ratio")
    if ratio is not None and not row.is_baseline:
        words = f"{words} · {scale_of('x', ()).figure(ratio.median)}"
    middle, (low, high) = top + 16 + _BAR / 2, metric.quartiles
    shapes = [
        text(0, top + 11, clipped(row.name, WIDTH - 12 - 6.6 * len(words)), "name"),
        text(WIDTH, top + 11, words, "value", "end"),
        box(0, top + 16, length, _BAR, "rest" if row.is_baseline else "bar", words),
    ]
    if len(metric.values) > 1:
        left, right = place(low), place(high)
        shapes.append(line(left, middle, right, middle, "whisker"))
        shapes += [line(x, middle - 4, x, middle + 4, "whisker") for x in (left, right)]
    return shapes
