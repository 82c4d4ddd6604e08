"""One figure of a benchmark: all values that were measured, and what they amount to."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Literal

import numpy as np

from ...base import InputError

Better = Literal["higher", "lower", "neither"]
BETTER: tuple[Better, ...] = ("higher", "lower", "neither")
PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9)


@dataclass(frozen=True)
class Metric:
    """Values of one quantity, in the order in which they were measured.

    Raises `InputError` for no values, values that are not finite, and processes that do not add up.
    """

    values: tuple[float, ...]
    unit: str
    better: Better = "neither"
    """Whether a higher or a lower value is the better one."""
    processes: tuple[int, ...] = ()
    """How many of the values each process measured; all by one if empty."""

    def __post_init__(self) -> None:
        if not self.values:
            raise InputError("a metric has no values: at least one is needed")
        for value in self.values:
            if not math.isfinite(value):
                raise InputError(f"a metric has the value {value}: finite numbers are needed")
        if not self.processes:
            object.__setattr__(self, "processes", (len(self.values),))
        if sum(self.processes) != len(self.values) or min(self.processes) < 1:
            raise InputError(
                f"processes measured {self.processes} of {len(self.values)} values: all were "
                "expected, and at least one by each"
            )

    @property
    def median(self) -> float:
        """The middle value, or the mean of the two in the middle."""
        return statistics.median(self.values)

    @property
    def variation(self) -> float:
        """Coefficient of variation: standard deviation as a share of the mean; 0 of a mean of 0."""
        mean = statistics.fmean(self.values)
        return self.std / abs(mean) if mean else 0.0

    @property
    def std(self) -> float:
        """Standard deviation of a sample; 0 of one value."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0

    @property
    def quartiles(self) -> tuple[float, float]:
        """First and third quartile, linear between neighbours; twice the value if it is alone."""
        low, high = np.percentile(self.values, (25, 75))
        return float(low), float(high)

    @property
    def medians(self) -> tuple[float, ...]:
        """The median of each process."""
        bounds = pairwise(accumulate(self.processes, initial=0))
        return tuple(statistics.median(self.values[begin:end]) for begin, end in bounds)

    @cached_property
    def percentiles(self) -> dict[float, float | None]:
        """Values at `PERCENTILES`, linear between neighbours as numpy's default.

        None where there are too few values for one to lie beyond: 100 for the 99th.
        """
        found = np.percentile(self.values, PERCENTILES)
        return {
            rank: float(value) if _has_enough(rank, len(self.values)) else None
            for rank, value in zip(PERCENTILES, found, strict=True)
        }

    def block(self) -> dict[str, Any]:
        """The metric as it stands in a result's file."""
        return {
            "unit": self.unit,
            "better": self.better,
            "avg": statistics.fmean(self.values),
            "min": min(self.values),
            "max": max(self.values),
            **{f"p{rank:g}": value for rank, value in self.percentiles.items()},
            "std": self.std,
            "cv": self.variation,
            "count": len(self.values),
            "values": list(self.values),
            "processes": list(self.processes),
        }


def joined(metrics: Sequence[Metric]) -> Metric:
    """One metric of what several processes measured of the same quantity."""
    return Metric(
        values=tuple(value for metric in metrics for value in metric.values),
        unit=metrics[0].unit,
        better=metrics[0].better,
        processes=tuple(count for metric in metrics for count in metric.processes),
    )


def read_metric(block: Mapping[str, Any], source: str) -> Metric:
    """The metric that `block` holds; `InputError` where its statistics are not its values'."""
    try:
        metric = Metric(
            tuple(map(float, block["values"])),
            str(block["unit"]),
            block["better"],
            tuple(map(int, block["processes"])),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{source} is no metric ({error}): measure it again") from None
    if metric.better not in BETTER:
        raise InputError(f"{source} has better {metric.better!r}: one of {', '.join(BETTER)}")
    for name, value in metric.block().items():
        if not _same(block.get(name), value):
            raise InputError(
                f"{source} has {name} {block.get(name)!r} where its values give {value!r}: the "
                "file was changed, measure it again"
            )
    return metric


def _has_enough(rank: float, count: int) -> bool:
    beyond = min(rank, 100 - rank) / 100
    return rank == 50 or count * beyond >= 1 - 1e-9


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, int | float):
        if isinstance(found, int) and abs(found) > sys.float_info.max:
            return False
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)
    return bool(found == expected)
