"""Throughput over batch size: measured upwards while it rises and memory and time are left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from ...base.memory import is_out_of_memory

LARGEST_BATCH = 1024

_RISE = 1.03  # less is none: it costs memory and latency, and comes and goes with the measurement
_FLAT_POINTS = 2
_SMALL_MODEL_SECONDS = 0.02
_SMALL_MODEL_BATCH = 8


@dataclass(frozen=True)
class Point:
    """A graph of an engine, measured with a batch of images."""

    engine: str
    graph: str
    batch: int
    seconds: float
    """Of one call."""
    bytes: int
    """The most that the process took during a call, less what it took with the engines loaded."""

    @property
    def images_per_second(self) -> float:
        """Images that pass through the graph in a second."""
        return self.batch / self.seconds


@dataclass(frozen=True)
class Limits:
    """What a curve may take."""

    bytes: float
    """Of memory, beside the loaded engines."""
    deadline: float
    """The `time.perf_counter()` at which no further point is begun; the first always is."""


class End(Enum):
    """Why a curve has no larger batch."""

    FLAT = "throughput no longer rises"
    LARGEST = "no larger one is tried"
    TIME = "the time is up"
    MEMORY = "more would not fit into the memory allowed"
    OUT_OF_MEMORY = "more ran out of memory"


@dataclass(frozen=True)
class Curve:
    """Points of one graph, batches ascending, and what ended it."""

    points: tuple[Point, ...]
    end: End
    needed: float = 0.0
    """Bytes that the first batch that did not fit takes, as far as known."""


def doubling(points: Sequence[Point]) -> int | None:
    """The batch after `points`, twice the last; small ones of a small model are skipped."""
    if not points:
        return 1
    last = points[-1]
    if last.batch == 1 and last.seconds < _SMALL_MODEL_SECONDS:
        return _SMALL_MODEL_BATCH
    return 2 * last.batch if last.batch < LARGEST_BATCH else None


def quartering(batch: int) -> Callable[[Sequence[Point]], int | None]:
    """Steps up to a `batch` that was asked for, small enough to foresee what the next one takes."""

    def following(points: Sequence[Point]) -> int | None:
        sizes = sorted({1, -(-batch // 16), -(-batch // 4), batch})
        return sizes[len(points)] if len(points) < len(sizes) else None

    return following


def climb(
    measure: Callable[[int], Point],
    following: Callable[[Sequence[Point]], int | None],
    limits: Limits,
    takes: Callable[[float], float],
    until_flat: bool = True,
) -> Curve:
    """The curve of what `measure` finds for the batches that `following` names.

    It ends where throughput has risen by less than 3 % twice (if `until_flat`), where no batch
    follows, and before a batch that would take more memory or time than `limits` leave, judged by
    the points so far. `takes` tells the seconds of measuring a call of so many, besides what the
    first call of a batch costs.
    """
    points: list[Point] = []
    best, elapsed, flat = 0.0, 0.0, 0
    while (batch := following(points)) is not None:
        needed = _foreseen(points, batch)
        if needed > limits.bytes:
            return Curve(tuple(points), End.MEMORY, needed)
        began = time.perf_counter()
        if points and began + elapsed + _more(points[-1], batch, takes) > limits.deadline:
            return Curve(tuple(points), End.TIME)
        try:
            point = measure(batch)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return Curve(tuple(points), End.OUT_OF_MEMORY, needed)
        elapsed = time.perf_counter() - began
        if point.bytes > limits.bytes:
            return Curve(tuple(points), End.MEMORY, point.bytes)
        points.append(point)
        flat = 0 if point.images_per_second >= _RISE * best else flat + 1
        best = max(best, point.images_per_second)
        if until_flat and flat == _FLAT_POINTS:
            return Curve(tuple(points), End.FLAT)
    return Curve(tuple(points), End.LARGEST)


def knee(points: Sequence[Point]) -> Point:
    """The smallest batch whose throughput is within 3 % of the best."""
    best = max(point.images_per_second for point in points)
    return next(point for point in points if _RISE * point.images_per_second >= best)


def _more(last: Point, batch: int, takes: Callable[[float], float]) -> float:
    """Seconds that measuring `batch` takes longer than the `last` point, if calls do in step.

    Not a multiple of what that took, most of which may have been its first call.
    """
    return takes(last.seconds * batch / last.batch) - takes(last.seconds)


def _foreseen(points: Sequence[Point], batch: int) -> float:
    """Bytes that `batch` will take: on the line through the first point and the last."""
    if not points:
        return 0.0
    first, last = points[0], points[-1]
    if first is last:
        return last.bytes * batch / last.batch
    slope = (last.bytes - first.bytes) / (last.batch - first.batch)
    return last.bytes + slope * (batch - last.batch)
