"""Curves over the batch size: throughput, and memory where it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...drawing import COLOURS, WIDTH, Drawing, Shape, dot, grid, line, linear, logarithmic, path
from ..result import BenchmarkResult, Row
from ..units import scale_of

_LEFT, _TOP, _BOTTOM, _HEIGHT = 52.0, 10.0, 170.0, 194.0
Series = Mapping[str, Sequence[tuple[float, float]]]
KNEE = "knee"
"""The note of the row whose batch size is the smallest that is about as fast as the best."""
_MEMORY = ("peak_memory_bytes", "device_memory_bytes", "peak_bytes", "memory_bytes")


def batch_drawing(rows: Sequence[Row]) -> Drawing | None:
    """Throughput of one case's rows, where each is of another batch size, and the knee."""
    swept = _swept(rows, "images_per_second")
    if not swept:
        return None
    noted = (_batch_size(row) for row in rows if row.facts.get("note") == KNEE)
    return _drawing("Throughput by batch size", swept, "images/s", next(noted, None))


def batch_drawings(result: BenchmarkResult) -> list[Drawing]:
    """Throughput of the batch sizes that each row tried, then memory of rows of several."""
    searched = _searched(result.rows)
    memory = next((found for name in _MEMORY if (found := _swept(result.rows, name))), {})
    drawings = [_drawing("Throughput by batch size", searched, "images/s")] if searched else []
    return [*drawings, _drawing("Memory by batch size", memory, "B")] if memory else drawings


def _searched(rows: Sequence[Row]) -> Series:
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        points = [
            (float(point["batch_size"]), float(point["images_per_second"]))
            for point in row.facts.get("batch_curve") or ()
            if point.get("images_per_second")
        ]
        if len(points) > 1:
            found[_name(row.case, row.name)] = sorted(points)
    return found


def _swept(rows: Sequence[Row], name: str) -> Series:
    """Each case whose rows have different batch sizes: `name`, a metric or fact, by batch size."""
    cases: dict[str, dict[int, float]] = {}
    for row in rows:
        size, value = _batch_size(row), _value(row, name)
        if size is None or value is None:
            continue
        points = cases.setdefault(row.case, {})
        if size in points:  # contenders of one size, not a sweep
            points[size] = -1.0
        else:
            points[size] = value
    return {
        case: sorted((float(size), value) for size, value in points.items())
        for case, points in cases.items()
        if len(points) > 1 and min(points.values()) >= 0
    }


def _batch_size(row: Row) -> int | None:
    """A row's fact, or what it is called: `batch 8`."""
    fact: Any = row.facts.get("batch_size", row.name.removeprefix("batch "))
    return int(fact) if str(fact).isdecimal() else None


def _value(row: Row, name: str) -> float | None:
    if name in row.metrics:
        return row.metrics[name].median
    fact: Any = row.facts.get(name)
    return float(fact) if isinstance(fact, int | float) else None


def _drawing(title: str, series: Series, unit: str, knee: int | None = None) -> Drawing:
    kept = dict(list(series.items())[:COLOURS])
    sizes = sorted({size for points in kept.values() for size, _ in points})
    values = [value for points in kept.values() for _, value in points]
    scale = scale_of(unit, values)
    across = logarithmic(sizes, _LEFT, WIDTH - 10, 2.0)
    up = linear([value / scale.size for value in values], _BOTTOM, _TOP)
    shapes: list[Shape] = grid(
        across,
        up,
        ([f"{mark:g}" for mark in across.marks], [f"{mark:g}" for mark in up.marks]),
    )
    if knee is not None:
        shapes.append(line(across.place(knee), _TOP, across.place(knee), _BOTTOM, "baseline"))
    for number, (name, points) in enumerate(kept.items()):
        places = [(across.place(size), up.place(value / scale.size)) for size, value in points]
        shapes.append(path(places, f"line s{number}"))
        shapes += [
            dot(x, y, f"s{number}", f"{name} batch {size:g}: {scale.figure(value)}".strip())
            for (x, y), (size, value) in zip(places, points, strict=True)
        ]
    best = {name: max(points, key=lambda point: point[1]) for name, points in kept.items()}
    told = [f"{name}: {scale.figure(value)} at {size:g}" for name, (size, value) in best.items()]
    return Drawing(
        title=title,
        summary="; ".join(text.removeprefix(": ") for text in told)
        + ("" if knee is None else f"; {KNEE} at {knee}"),
        height=_HEIGHT,
        shapes=tuple(shapes),
        note=f"{scale.name}, by images in a batch"
        + ("" if knee is None else f"; the dashed line is the knee, batch {knee}"),
        key=tuple((f"s{number}", name) for number, name in enumerate(kept) if len(kept) > 1),
    )


def _name(case: str, name: str) -> str:
    return ", ".join(part for part in (case, name) if part)
