"""Timing the batches of one generator, looked at and not looked at in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ..harness import Worker
from .breakdown import BatchRecord
from .job import LatencyJob
from .worker import LatencyWorker

_TOLD = 10  # times in all


@dataclass
class Timed:
    """What was found so far."""

    seen: list[BatchRecord] = field(default_factory=list)
    """Batches whose stages were noted."""
    unseen: list[float] = field(default_factory=list)
    """Seconds of as many between them whose stages were not."""
    clocks_before: dict[str, float] = field(default_factory=dict)
    """In MHz, after warming up."""
    clocks_after: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    noting_seconds: float | None = None
    """Of noting one interval of nothing."""
    joules: tuple[float, ...] | str = "it was interrupted"
    """Of an image, in several windows; or why they could not be read."""
    energy_source: str | None = None
    is_finished: bool = False


def time_batches(job: LatencyJob, batches: int, tell: Callable[[str], None]) -> Timed:
    """Time `batches` of each kind; Ctrl-C ends it with what there is.

    Raises `ContenderError` where the generator fails, as for a batch that does not fit.
    """
    timed = Timed()
    with Worker(partial(LatencyWorker, job)) as worker:
        try:
            worker.call("warm_up")
            timed.clocks_before = worker.call("clocks")
            for number in range(batches):
                pair = {seen: worker.call("batch", seen) for seen in _order(number)}
                timed.seen.append(pair[True])
                timed.unseen.append(pair[False].seconds)
                if (number + 1) % max(1, batches // _TOLD) == 0:
                    tell(f"{number + 1} of {batches} batches")
            timed.clocks_after = worker.call("clocks")
            timed.memory = worker.call("memory")
            timed.noting_seconds = worker.call("noting_seconds")
            timed.joules, timed.energy_source = worker.call("energy")
            timed.is_finished = True
        except KeyboardInterrupt:
            pass
    return timed


def _order(number: int) -> tuple[bool, bool]:
    """Who comes first changes, so that what one leaves behind meets both."""
    return (True, False) if number % 2 else (False, True)
