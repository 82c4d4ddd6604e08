"""The interval of a ratio that was measured some few times."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

# Student's t at 97.5 % for 1, 2, ... degrees of freedom (any table; Abramowitz and Stegun, 26.10).
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def ratio_interval(ratios: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of the mean of `ratios`, by Student's t on their logarithms; None for one."""
    if len(ratios) < 2:
        return None
    logarithms = [math.log(ratio) for ratio in ratios]
    middle = statistics.fmean(logarithms)
    error = statistics.stdev(logarithms) / math.sqrt(len(ratios))
    half = _quantile(len(ratios) - 1) * error
    return math.exp(middle - half), math.exp(middle + half)


def _quantile(freedom: int) -> float:
    if freedom <= len(_T):
        return _T[freedom - 1]
    z = statistics.NormalDist().inv_cdf(0.975)  # and Abramowitz and Stegun, 26.7.5
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
