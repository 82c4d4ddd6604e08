"""The stages of batches, from records that have a batch's seconds and those of each stage."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...drawing import COLOURS, WIDTH, Axis, Drawing, Shape, box, clipped, grid, linear, text
from ...page import percent
from ..units import scale_of

_SUFFIX = "_seconds"
_TOLERANCE = 0.05
"""Share of a batch by which its stages may differ from it to be all of it."""
_ROW, _LEFT = 19.0, 84.0


@dataclass(frozen=True)
class Batch:
    """One batch, its stages in order, which follow each other."""

    number: int
    seconds: float
    stages: Mapping[str, float]
    steps: tuple[float, ...]
    """Seconds of the denoising steps, where they were recorded."""


def stage_drawings(records: Sequence[Mapping[str, Any]]) -> list[Drawing]:
    """A batch as a waterfall, and the stages' shares of all batches; nothing without stages."""
    batches = _batches(records)
    if not batches:
        return []
    middle = statistics.median_low(batch.seconds for batch in batches)
    typical = next(batch for batch in batches if batch.seconds == middle)
    return [_waterfall(typical, len(batches)), _shares(batches)]


def _batches(records: Sequence[Mapping[str, Any]]) -> list[Batch]:
    """Those of the first process and batch size whose stages make up the whole."""
    steps: dict[int, list[float]] = {}
    found: list[tuple[int, float, dict[str, float]]] = []
    first: tuple[Any, Any] | None = None
    for record in records:
        number, seconds = record.get("batch"), record.get("seconds")
        if not isinstance(number, int) or not isinstance(seconds, int | float):
            continue
        if record.get("process", 0) != (first or (0, 0))[0]:
            continue
        if "step" in record:
            steps.setdefault(number, []).append(float(seconds))
            continue
        kind = (record.get("process", 0), record.get("batch_size"))
        first = first or kind
        stages = _stages(record)
        whole = abs(sum(stages.values()) - seconds) <= _TOLERANCE * seconds
        if kind == first and len(stages) > 1 and whole:
            found.append((number, float(seconds), stages))
    return [
        Batch(number, seconds, stages, tuple(steps.get(number, ())))
        for number, seconds, stages in found
    ]


def _stages(record: Mapping[str, Any]) -> dict[str, float]:
    return {
        name.removesuffix(_SUFFIX): float(value)
        for name, value in record.items()
        if name.endswith(_SUFFIX) and isinstance(value, int | float) and value >= 0
    }


def _waterfall(batch: Batch, count: int) -> Drawing:
    """A lane for each stage, and in that of the steps a mark where each ends."""
    scale = scale_of("s", (batch.seconds,))
    bottom = 8 + _ROW * len(batch.stages)
    across = linear([batch.seconds / scale.size], _LEFT, WIDTH - 12)
    up = Axis(0, 1, bottom, 4)
    shapes: list[Shape] = grid(across, up, ([f"{mark:g}" for mark in across.marks], []))
    began, told = 0.0, []
    for number, (name, seconds) in enumerate(batch.stages.items()):
        top, left = 6 + _ROW * number, across.place(began / scale.size)
        width = across.place((began + seconds) / scale.size) - left
        words = f"{name} {scale.figure(seconds)}"
        shapes.append(text(_LEFT - 8, top + 11, clipped(name, _LEFT - 10), "name", "end"))
        shapes.append(box(left, top, width, _ROW - 6, f"s{number % COLOURS}", words))
        if batch.steps and seconds == max(batch.stages.values()):
            shapes += _step_marks(batch.steps, began, top, across, scale.size)
        told.append(words)
        began += seconds
    return Drawing(
        title="Waterfall of a batch",
        summary=", then ".join(told),
        height=bottom + 24,
        shapes=tuple(shapes),
        note=f"{scale.name}; batch {batch.number}, the median of {count}: "
        f"{scale.figure(batch.seconds)}" + (f", {len(batch.steps)} steps" if batch.steps else ""),
    )


def _step_marks(
    steps: Sequence[float], began: float, top: float, across: Axis, size: float
) -> list[Shape]:
    marks = []
    for seconds in steps[:-1]:
        began += seconds
        marks.append(box(across.place(began / size) - 0.4, top, 0.8, _ROW - 6, "gap"))
    return marks


def _shares(batches: Sequence[Batch]) -> Drawing:
    """One bar of all stages' shares of the time, and the shares in its key."""
    names = list(batches[0].stages)
    sums = {name: sum(batch.stages.get(name, 0.0) for batch in batches) for name in names}
    total, left, shapes, key = sum(sums.values()), 0.0, [], []
    for number, (name, seconds) in enumerate(sums.items()):
        share = f"{name} {percent(seconds / total)}"
        kind = f"s{number % COLOURS}"
        shapes.append(box(round(left, 2), 4, WIDTH * seconds / total, 26, kind, share))
        key.append((kind, share))
        left += WIDTH * seconds / total
    return Drawing(
        title="Shares of the stages",
        summary=", ".join(words for _, words in key),
        height=34,
        shapes=tuple(shapes),
        note=f"of the time of {len(batches)} batches",
        key=tuple(key),
    )
