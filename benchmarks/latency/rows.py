"""Rows of the result from timed batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from ...report.results.metric import Metric
from ...report.results.result import Row
from ..harness.ranges import STEP
from .breakdown import STAGES, BatchRecord
from .limits import Limits
from .roofline import Ceilings, Work, under_roof
from .stage_work import BatchWork
from .verdicts import bound_by
from .worker import Loaded


def stage_rows(
    records: Sequence[BatchRecord], loaded: Loaded, work: BatchWork, limits: Limits
) -> list[Row]:
    """A row for each stage, for all steps together, and for each step by its number."""
    case = f"batch {loaded.batch_size}"
    denoising, decoding = limits.of(loaded.dtype), limits.of(loaded.vae_dtype)
    of_stages = [record.stage_seconds() for record in records]
    enqueue = [record.enqueue_seconds() for record in records]
    rows = []
    for name in STAGES:
        given = [one[name] for one in enqueue if name in one]
        ceilings = decoding if name in ("vae", "finish") else denoising
        taken = [one[name] for one in of_stages]
        rows.append(_row(name, case, taken, given, work.stages.get(name), ceilings))
    return rows + _step_rows(records, case, work.steps, denoising)


def whole_row(records: Sequence[BatchRecord], unseen: Sequence[float], loaded: Loaded) -> Row:
    """A row for batches as a whole."""
    seconds = tuple(record.seconds for record in records)
    shares = tuple(record.share_of_stages() for record in records)
    metrics = {
        "seconds": Metric(seconds, "s", "lower"),
        "unseen_seconds": Metric(tuple(unseen), "s", "lower"),
        "share_of_stages": Metric(shares, "1"),
    }
    return Row("whole", f"batch {loaded.batch_size}", metrics)


def _step_rows(
    records: Sequence[BatchRecord], case: str, works: Sequence[Work], ceilings: Ceilings
) -> list[Row]:
    batches = [record.steps() for record in records]
    count = len(batches[0])
    if not count:
        return []

    def given(steps: Sequence[Any]) -> list[float]:
        return [one.enqueued[1] - one.enqueued[0] for one in steps if one.enqueued is not None]

    every = [one for steps in batches for one in steps]
    mean = sum(works, Work(0, 0)).times(1 / count) if works else None
    rows = [_row(STEP, case, [one.seconds for one in every], given(every), mean, ceilings)]
    for number in range(count):
        own = [steps[number] for steps in batches]
        done = works[number] if works else None
        seconds = [one.seconds for one in own]
        rows.append(_row(f"{STEP} {number + 1}", case, seconds, given(own), done, ceilings))
    return rows


def _row(
    name: str,
    case: str,
    seconds: Sequence[float],
    enqueue: Sequence[float],
    work: Work | None,
    ceilings: Ceilings,
) -> Row:
    metrics = {"seconds": Metric(tuple(seconds), "s", "lower")}
    if enqueue:
        metrics["enqueue_seconds"] = Metric(tuple(enqueue), "s", "lower")
    facts: dict[str, Any] = {}
    side = None
    if work is not None:
        facts, side = _under_roof(work, median(seconds), ceilings)
        if work.flop:
            rates = _rates(work.flop, seconds)
            metrics["flop_per_second"] = Metric(rates, "FLOP/s", "higher")
    if (bound := bound_by(seconds, enqueue, side)) is not None:
        facts["bound_by"] = bound
    return Row(name, case, metrics, facts)


def _under_roof(work: Work, seconds: float, ceilings: Ceilings) -> tuple[dict[str, Any], Any]:
    found = under_roof(work, seconds, ceilings)
    facts: Mapping[str, Any] = {
        "flop": work.flop,
        "bytes": work.bytes,
        "flop_per_byte": found.intensity,
        "attainable_flop_per_second": found.attainable,
        "share_of_roof": found.share,
        "share_of_matmul": work.flop / seconds / ceilings.flop_per_second,
        "share_of_copy": work.bytes / seconds / ceilings.bytes_per_second,
    }
    return dict(facts), found.side


def _rates(amount: float, seconds: Sequence[float]) -> tuple[float, ...]:
    return tuple(amount / one for one in seconds)
