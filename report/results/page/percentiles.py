"""Latency by percentile, the tail drawn out: each tenth of what is left has the same width."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...drawing import COLOURS, WIDTH, Axis, Drawing, Shape, dot, grid, linear, path
from ..metric import Metric
from ..result import BenchmarkResult, Row
from ..units import scale_of
from .batches import batch_drawing
from .families import without_numbered

_LEFT, _TOP, _BOTTOM, _HEIGHT = 52.0, 10.0, 170.0, 194.0
_RANKS = (50, 75, 90, 95, 99, 99.9)
LEAST_VALUES = 20
"""For a curve of its own: the 95th percentile is known then."""


def percentile_drawings(result: BenchmarkResult) -> list[Drawing]:
    """One for each case whose rows have a time with enough values; each row's first such.

    The longest stand first, and the shortest are left out where there are too many. Batch sizes
    have their own drawing.
    """
    found = []
    for case in dict.fromkeys(row.case for row in result.rows):
        rows = without_numbered([row for row in result.rows if row.case == case])
        curves = [(row, metric) for row in rows if (metric := _latency(row)) is not None]
        if curves and batch_drawing(rows) is None:
            title = f"Latency by percentile{f', {case}' if case else ''}"
            longest = sorted(curves, key=lambda curve: -curve[1].median)
            found.append(_drawing(title, longest[:COLOURS]))
    return found


def _latency(row: Row) -> Metric | None:
    times = (m for m in row.metrics.values() if m.unit == "s" and m.better == "lower")
    return next((metric for metric in times if len(metric.values) >= LEAST_VALUES), None)


def _drawing(title: str, curves: Sequence[tuple[Row, Metric]]) -> Drawing:
    ranks = [rank for rank in _RANKS if any(m.percentiles[rank] is not None for _, m in curves)]
    across = Axis(_tail(ranks[0]), _tail(ranks[-1]), _LEFT, WIDTH - 22, tuple(map(_tail, ranks)))
    tops = [value for _, m in curves for r in ranks if (value := m.percentiles[r]) is not None]
    scale = scale_of("s", tops)
    up = linear([value / scale.size for value in tops], _BOTTOM, _TOP)
    names = [f"p{rank:g}" for rank in ranks]
    shapes: list[Shape] = grid(across, up, (names, [f"{mark:g}" for mark in up.marks]))
    for number, (row, metric) in enumerate(curves):
        known = [(rank, v) for rank in ranks if (v := metric.percentiles[rank]) is not None]
        places = [(across.place(_tail(rank)), up.place(v / scale.size)) for rank, v in known]
        shapes.append(path(places, f"line s{number}"))
        shapes += [
            dot(x, y, f"s{number}", f"{row.name} p{rank:g}: {scale.figure(value)}")
            for (x, y), (rank, value) in zip(places, known, strict=True)
        ]
    return Drawing(
        title=title,
        summary="; ".join(f"{row.name} median {scale.figure(m.median)}" for row, m in curves),
        height=_HEIGHT,
        shapes=tuple(shapes),
        note=f"{scale.name}; a curve ends where too few values lie beyond",
        key=tuple((f"s{number}", row.name) for number, (row, _) in enumerate(curves)),
    )


def _tail(rank: float) -> float:
    """Powers of ten by which the share of values above a percentile is smaller than all."""
    return -math.log10(1 - rank / 100)
