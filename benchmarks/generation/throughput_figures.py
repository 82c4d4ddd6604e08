"""From what contenders did to the figures of a throughput result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..harness import BatchSearch, Measurement, Rounds, Worker, doubts, ratios, spread
from .contender import GeneratorName
from .contestant import FirstRun


@dataclass(frozen=True)
class Started:
    """A contender before the rounds: ready in its process, or why it cannot serve."""

    name: GeneratorName
    reason: str | None = None
    batch_size: int | None = None
    search: BatchSearch | None = None
    first: FirstRun | None = None
    worker: Worker | None = None


def figures(
    contenders: Sequence[Started], rounds: Rounds, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Figures of every contender, and the verdict; `facts` are those of the run."""
    measured = {measurement.name: measurement for measurement in rounds.measurements}
    baseline = next((started for started in contenders if started.first is not None), None)
    found = doubts(rounds)
    return {
        "rounds_done": rounds.done,
        "baseline": None if baseline is None else baseline.name.text,
        "contenders": [_row(started, baseline, measured, facts) for started in contenders],
        "valid": not found,
        "doubts": found,
    }


def _row(
    started: Started,
    baseline: Started | None,
    measured: Mapping[str, Measurement],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    row: dict[str, Any] = {"name": started.name.text, "reason": started.reason}
    if started.first is None or baseline is None or baseline.first is None:
        return row
    own = measured[started.name.text]
    row |= {"reason": own.reason, "batch_size": started.batch_size}
    if started.search is not None:
        row["batch_curve"] = [asdict(point) for point in started.search.curve]
    row |= _of_first_run(started.first, baseline.first)
    row["seconds"] = own.seconds
    if own.seconds:
        row |= _of_rounds(own, measured[baseline.name.text], started.name.precision, facts)
    return row


def _of_first_run(first: FirstRun, baseline: FirstRun) -> dict[str, Any]:
    difference = np.abs(first.pixels.astype(np.int16) - baseline.pixels)
    return {
        "load_seconds": first.load_seconds,
        "step_ms": None if first.step_seconds is None else 1e3 * first.step_seconds,
        "peak_memory_bytes": first.peak_memory_bytes,
        "device_memory_bytes": first.device_memory_bytes,
        "mean_difference_of_255": float(difference.mean()),
        "max_difference_of_255": int(difference.max()),
    }


def _of_rounds(
    own: Measurement, baseline: Measurement, precision: str, facts: Mapping[str, Any]
) -> dict[str, Any]:
    of_seconds, each = spread(own.seconds), ratios(own, baseline)
    rate = facts["images"] / of_seconds["median"]
    flop_rate = rate * facts["flop"]["per_image"]
    return {
        "spread": of_seconds,
        "images_per_second": rate,
        "ratio_each_round": each,
        "ratio": spread(each) if each else None,
        "tflop_per_second": flop_rate / 1e12,
        "share_of_ceiling": flop_rate / facts["matmul_ceiling_flop_per_second"][precision],
    }
