"""What changed between two results of a benchmark, by how much, and whether it is only noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from ...base import InputError
from .metric import Metric
from .result import BenchmarkResult

LEAST_PROCESSES = 5
LEVEL = 0.95
Verdict = Literal["better", "worse", "changed", "no change beyond noise", "not to be told"]


@dataclass(frozen=True)
class Change:
    """One metric of one row, before and after."""

    case: str
    name: str
    metric: str
    unit: str
    before: float
    """Median of the processes' medians."""
    after: float
    ratio: float
    """After to before: the median of the ratios of every process after to every one before."""
    interval: tuple[float, float] | None
    """Of the ratio, at `LEVEL`; None for too few processes."""
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """Two results beside each other."""

    benchmark: str
    changes: tuple[Change, ...]
    differences: tuple[str, ...]
    """Of settings, devices and versions, in words."""
    only_before: tuple[str, ...]
    """Rows that the other result does not have."""
    only_after: tuple[str, ...]


def compare(before: BenchmarkResult, after: BenchmarkResult, force: bool = False) -> Comparison:
    """Compare all metrics that both have.

    Raises `InputError` for results of different benchmarks, settings or devices, unless `force`d,
    which different benchmarks cannot be.
    """
    if before.benchmark != after.benchmark:
        raise InputError(
            f"one result is of {before.benchmark!r}, the other of {after.benchmark!r}: compare two "
            "of the same benchmark"
        )
    refused = _differences(before.settings, after.settings, "setting ")
    refused += _differences(_device(before), _device(after), "")
    if refused and not force:
        raise InputError(
            f"the results are not of the same thing ({'; '.join(refused)}): measure both alike, or "
            "compare them with --force"
        )
    versions = _differences(_versions(before), _versions(after), "")
    rows = {row.key: row for row in after.rows}
    changes = [
        _change(row.case, row.name, name, metric, rows[row.key].metrics[name])
        for row in before.rows
        if row.key in rows
        for name, metric in row.metrics.items()
        if name in rows[row.key].metrics
    ]
    keys = {row.key for row in before.rows}
    return Comparison(
        benchmark=before.benchmark,
        changes=tuple(changes),
        differences=(*refused, *versions),
        only_before=tuple(" ".join(key).strip() for key in keys - rows.keys()),
        only_after=tuple(" ".join(key).strip() for key in rows.keys() - keys),
    )


def ratio_interval(
    before: Sequence[float], after: Sequence[float], level: float = LEVEL
) -> tuple[float, float, float]:
    """Hodges and Lehmann's estimate of the ratio after/before, and its interval.

    The median of all pairs' ratios, and those between which the Mann-Whitney test, by its exact
    distribution, rejects no ratio at 1 - `level`. Values are above 0. (Hollander, Wolfe, Chicken,
    Nonparametric Statistical Methods, section 4.2 and 4.3, on logarithms.)
    """
    ratios = sorted(late / early for late, early in product(after, before))
    cut = _critical(len(before), len(after), (1 - level) / 2)
    middle = (ratios[(len(ratios) - 1) // 2] + ratios[len(ratios) // 2]) / 2
    return middle, ratios[cut], ratios[-1 - cut]


def _critical(first: int, second: int, tail: float) -> int:
    """How many of the smallest (and largest) pairs to leave out, each side at most `tail`.

    0 keeps all, where even the most extreme order is not rare enough.
    """
    counts = _rank_sums(first, second)
    total, below, cut = math.comb(first + second, first), 0, 0
    for pairs, ways in enumerate(counts):
        below += ways
        if below / total > tail:
            break
        cut = pairs + 1
    return cut


def _rank_sums(first: int, second: int) -> list[int]:
    """In how many orders Mann-Whitney's U has each value from 0 on: Gaussian binomials."""
    counts = [1] + [0] * (first * second)
    for size in range(1, first + 1):
        for value in range(len(counts) - 1, second + size - 1, -1):
            counts[value] -= counts[value - second - size]
        for value in range(size, len(counts)):
            counts[value] += counts[value - size]
    return counts


def _change(case: str, name: str, title: str, before: Metric, after: Metric) -> Change:
    early, late = before.medians, after.medians
    enough = min(len(early), len(late)) >= LEAST_PROCESSES
    if min(*early, *late) > 0:
        ratio, low, high = ratio_interval(early, late)
    else:  # a ratio means nothing
        ratio, low, high, enough = math.nan, math.nan, math.nan, False
    return Change(
        case=case,
        name=name,
        metric=title,
        unit=before.unit,
        before=_middle(early),
        after=_middle(late),
        ratio=ratio,
        interval=(low, high) if enough else None,
        verdict=_verdict(before, (low, high)) if enough else "not to be told",
    )


def _verdict(metric: Metric, interval: tuple[float, float]) -> Verdict:
    low, high = interval
    if low <= 1 <= high:
        return "no change beyond noise"
    if metric.better == "neither":
        return "changed"
    return "better" if (low > 1) == (metric.better == "higher") else "worse"


def _middle(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _device(result: BenchmarkResult) -> dict[str, Any]:
    return {"device": result.environment.get("device"), "cpu": result.environment.get("cpu")}


def _versions(result: BenchmarkResult) -> dict[str, Any]:
    known = ("device", "cpu", "conditions")
    return {name: value for name, value in result.environment.items() if name not in known}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], kind: str) -> list[str]:
    return [
        f"{kind}{name}: {before.get(name)!r} and {after.get(name)!r}"
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]
