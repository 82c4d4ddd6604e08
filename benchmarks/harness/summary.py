"""Figures from rounds: medians, quartiles, ratios, and whether they are to be trusted."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from .rounds import Measurement, Rounds

LEAST_ROUNDS = 5
LARGEST_VARIATION = 0.05


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, first and third quartile, and coefficient of variation of at least one value."""
    low, median, high = (
        statistics.quantiles(values, n=4, method="inclusive")
        if len(values) > 1
        else (values[0],) * 3
    )
    variation = statistics.stdev(values) / statistics.mean(values) if len(values) > 1 else 0.0
    return {"median": median, "quartile_1": low, "quartile_3": high, "variation": variation}


def ratios(measurement: Measurement, baseline: Measurement) -> list[float]:
    """How many times as fast as the baseline, in each round that both finished."""
    pairs = zip(baseline.seconds, measurement.seconds, strict=False)  # one may have failed since
    return [theirs / own for theirs, own in pairs]


def doubts(rounds: Rounds) -> list[str]:
    """Why the figures are not to be trusted; nothing if they are."""
    found = []
    if rounds.done < rounds.wanted:
        found.append(f"it was interrupted after {rounds.done} of {rounds.wanted} rounds")
    if rounds.done < LEAST_ROUNDS:
        found.append(f"{rounds.done} rounds are few, {LEAST_ROUNDS} tell more")
    for measurement in rounds.measurements:
        if len(measurement.seconds) < 2:
            continue
        variation = spread(measurement.seconds)["variation"]
        if variation > LARGEST_VARIATION:
            found.append(
                f"the times of {measurement.name} vary by {100 * variation:.1f} % (coefficient of "
                f"variation), {100 * LARGEST_VARIATION:.0f} % is the most that is steady"
            )
    return found
