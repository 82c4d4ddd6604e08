"""What looking at stages costs: batches that are looked at against batches that are not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_Z = 1.96  # of a normal distribution, for 95 %


@dataclass(frozen=True)
class HarnessCost:
    """Shares of a batch's seconds; below 0 where chance made what is looked at faster."""

    share: float
    """Median over pairs of batches, one looked at and one not."""
    interval: tuple[float, float]
    """Within which that median is in 95 of 100 cases."""


def harness_cost(seen: Sequence[float], unseen: Sequence[float]) -> HarnessCost:
    """Compare seconds of batches that took turns; at least one of each."""
    shares = [own / other - 1 for own, other in zip(seen, unseen, strict=True)]
    return HarnessCost(median(shares), median_interval(shares))


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """The order statistics between which the median is in 95 of 100 cases, whatever the values.

    By the normal approximation to the binomial: Conover, Practical Nonparametric Statistics,
    section 3.2. The extremes where there are too few values.
    """
    ordered, count = sorted(values), len(values)
    reach = _Z * math.sqrt(count) / 2
    low = max(math.floor(count / 2 - reach), 1)
    high = min(math.ceil(1 + count / 2 + reach), count)
    return ordered[low - 1], ordered[high - 1]
