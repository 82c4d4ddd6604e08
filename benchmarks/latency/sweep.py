"""Throughput, latency and memory over batch sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..harness import ContenderError, Worker
from .job import LatencyJob
from .worker import LatencyWorker

KNEE = 0.97
"""Share of the best throughput that the knee has at least: the 3 % below which `zeroreal tune`
takes a rise for none (generate/tuning/batch_curve.py)."""


@dataclass(frozen=True)
class SizePoint:
    """One batch size."""

    batch_size: int
    seconds: tuple[float, ...] = ()
    """Of whole batches."""
    memory: dict[str, int] = field(default_factory=dict)
    reason: str | None = None
    """Why it could not be served."""
    joules: tuple[float, ...] = ()
    """An image takes, where that was measured."""

    @property
    def images_per_second(self) -> tuple[float, ...]:
        """Of each batch."""
        return tuple(self.batch_size / seconds for seconds in self.seconds)


def knee(rates: Sequence[tuple[int, float]]) -> int:
    """The smallest batch size whose throughput is `KNEE` of the best; at least one is needed."""
    best = max(rate for _, rate in rates)
    return min(size for size, rate in rates if rate >= KNEE * best)


def sweep(
    job: LatencyJob,
    found: dict[str, Any],
    sizes: Iterable[int],
    batches: int,
    on_point: Callable[[SizePoint], None],
) -> None:
    """Time `batches` of each of the `sizes`, ascending, each in a process of its own.

    One that cannot be served ends the sweep: larger ones take more.
    """
    for size in sizes:
        point = _point(job.settled(found, size), size, batches)
        on_point(point)
        if point.reason is not None:
            return


def _point(job: LatencyJob, size: int, batches: int) -> SizePoint:
    try:
        with Worker(partial(LatencyWorker, job)) as worker:
            worker.call("warm_up")
            seconds = [worker.call("batch", False).seconds for _ in range(batches)]
            return SizePoint(size, tuple(seconds), worker.call("memory"))
    except ContenderError as error:
        return SizePoint(size, reason=str(error))
