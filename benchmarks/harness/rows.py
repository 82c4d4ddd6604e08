"""Rows of a result from what contenders did in their rounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...report.results.metric import Metric
from ...report.results.result import Row
from .rounds import Measurement
from .summary import ratios


def measured_row(
    own: Measurement,
    baseline: Measurement | None,
    *,
    case: str = "",
    rates: Mapping[str, tuple[float, str]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Row:
    """A row of `own` rounds: `seconds`, rates, and `ratio`, how often the baseline's speed it has.

    `rates` names what a round has done, and the unit of that in a second: `images_per_second`,
    `(256, "images/s")`.
    """
    metrics = {}
    if own.seconds:
        metrics["seconds"] = Metric(tuple(own.seconds), "s", "lower")
        for name, (amount, unit) in (rates or {}).items():
            values = tuple(amount / seconds for seconds in own.seconds)
            metrics[name] = Metric(values, unit, "higher")
    if baseline is not None and (each := ratios(own, baseline)):
        metrics["ratio"] = Metric(tuple(each), "x", "higher")
    return Row(
        name=own.name,
        case=case,
        metrics=metrics,
        facts=facts or {},
        reason=own.reason,
        is_baseline=baseline is own,
    )
