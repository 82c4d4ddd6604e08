"""Joules of an image as they were measured, beside what its operations predict."""

from __future__ import annotations

from collections.abc import Mapping

from ...drawing import Drawing
from ..metric import Metric
from ..result import BenchmarkResult, Row
from .bars import bars

JOULES, PREDICTED = "joules_per_image", "predicted_joules_per_image"


def energy_drawing(result: BenchmarkResult) -> Drawing | None:
    """Bars of all rows whose energy was measured; None where it was not."""
    rows = [row for row in result.rows if JOULES in row.metrics]
    if not rows:
        return None
    facts = result.figures.facts.get("energy")
    predicted = facts.get(PREDICTED) if isinstance(facts, Mapping) else None
    if isinstance(predicted, int | float) and predicted > 0:
        metrics = {JOULES: Metric((float(predicted),), "J", "lower")}
        rows.append(Row("predicted from its operations", metrics=metrics, is_baseline=True))
    return bars("Energy of an image", rows, JOULES)
