"""From what contenders did to the figures of a throughput result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ...report.results.result import Figures, Row
from ..harness import Measurement, doubts, measured_row
from .entrant import Contest, Entrant, FirstRun


def figures(contest: Contest, facts: Mapping[str, Any]) -> Figures:
    """A row for each contender, compared to the first that could be started.

    `facts` are those of the run: `images`, `flop` and `matmul_ceilings` among them.
    """
    rounds = contest.rounds
    measured = {measurement.name: measurement for measurement in rounds.measurements}
    baseline = next((one for one in contest.entrants if one.first is not None), None)
    reasons = doubts(rounds)
    if baseline is None:
        reasons.append("no contender could serve")
    return Figures(
        rows=tuple(_row(entrant, baseline, measured, facts) for entrant in contest.entrants),
        facts={**facts, "in_turn": contest.in_turn},
        reasons=tuple(reasons),
        finished=rounds.done == rounds.wanted,
    )


def _row(
    entrant: Entrant,
    baseline: Entrant | None,
    measured: Mapping[str, Measurement],
    facts: Mapping[str, Any],
) -> Row:
    name = entrant.name.text
    if entrant.first is None or baseline is None or baseline.first is None:
        return Row(name, reason=entrant.reason)
    flop = facts["images"] * facts["flop"]["per_image"]
    ceiling = facts["matmul_ceilings"][entrant.name.precision]["best"]
    return measured_row(
        measured.get(name) or Measurement(name),
        measured.get(baseline.name.text),
        rates={
            "images_per_second": (facts["images"], "images/s"),
            "tflop_per_second": (flop / 1e12, "TFLOP/s"),
            "share_of_ceiling": (flop / ceiling, "1"),
        },
        facts=_facts(entrant, entrant.first, baseline.first),
    )


def _facts(entrant: Entrant, first: FirstRun, baseline: FirstRun) -> dict[str, Any]:
    difference = np.abs(first.pixels.astype(np.int16) - baseline.pixels)
    curve = [] if entrant.search is None else entrant.search.curve
    return {
        "batch_size": entrant.batch_size,
        "batch_curve": [asdict(point) for point in curve],
        "load_seconds": first.load_seconds,
        "step_ms": None if first.step_seconds is None else 1e3 * first.step_seconds,
        "memory_bytes": first.memory_bytes,
        "peak_memory_bytes": first.peak_memory_bytes,
        "device_memory_bytes": first.device_memory_bytes,
        "mean_difference_of_255": float(difference.mean()),
        "max_difference_of_255": int(difference.max()),
    }
