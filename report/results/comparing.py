"""What changed between two results of a benchmark, by how much, and whether it is only noise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from ...base import InputError
from .flat import flat
from .metric import Metric
from .result import BenchmarkResult

LEAST_PROCESSES = 5
LEVEL = 0.95
MOST_DOUBTS = 3
"""That are named of a result."""
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
    doubts: tuple[str, ...]
    """Why either result is not to be trusted."""
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
    before_keys = dict.fromkeys(row.key for row in before.rows)
    return Comparison(
        benchmark=before.benchmark,
        changes=tuple(changes),
        differences=(*refused, *versions),
        doubts=(*_doubts("before", before), *_doubts("after", after)),
        only_before=tuple(" ".join(key).strip() for key in before_keys if key not in rows),
        only_after=tuple(" ".join(key).strip() for key in rows if key not in before_keys),
    )


def ratio_interval(
    before: Sequence[float], after: Sequence[float], level: float = LEVEL
) -> tuple[float, tuple[float, float] | None]:
    """Hodges and Lehmann's estimate of the ratio after/before, and its interval.

    The median of all pairs' ratios, and the ratios between which the two-sided Mann-Whitney test,
    by its exact distribution, rejects none at 1 - `level`; None where so few values can reject
    nothing. Values are above 0. (Hollander, Wolfe, Chicken, Nonparametric Statistical Methods,
    sections 4.2 and 4.3, on logarithms.)
    """
    ratios = sorted(late / early for late, early in product(after, before))
    middle = math.sqrt(ratios[(len(ratios) - 1) // 2] * ratios[len(ratios) // 2])
    rank = _critical(len(before), len(after), (1 - level) / 2)
    return middle, None if rank == 0 else (ratios[rank - 1], ratios[-rank])


def _critical(first: int, second: int, tail: float) -> int:
    """How many of U's lowest values together are no likelier than `tail`.

    That many pairs in, from either end, are the bounds of the interval.
    """
    total, below = math.comb(first + second, first), 0
    for value, ways in enumerate(_rank_sums(first, second)):
        below += ways
        if below > tail * total:
            return value
    return first * second + 1


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
    ratio, interval = math.nan, None
    if min(*early, *late) > 0:  # else a ratio means nothing
        ratio, interval = ratio_interval(early, late)
    if min(len(early), len(late)) < LEAST_PROCESSES:
        interval = None
    return Change(
        case=case,
        name=name,
        metric=title,
        unit=before.unit,
        before=statistics.median(early),
        after=statistics.median(late),
        ratio=ratio,
        interval=interval,
        verdict="not to be told" if interval is None else _verdict(before, interval),
    )


def _verdict(metric: Metric, interval: tuple[float, float]) -> Verdict:
    low, high = interval
    if low <= 1 <= high:
        return "no change beyond noise"
    if metric.better == "neither":
        return "changed"
    return "better" if (low > 1) == (metric.better == "higher") else "worse"


def _doubts(which: str, result: BenchmarkResult) -> list[str]:
    unfinished = [] if result.figures.finished else ["it did not come to its end"]
    found = [*unfinished, *result.figures.reasons]
    if len(found) > MOST_DOUBTS:  # each process has its own
        found[MOST_DOUBTS:] = [f"{len(found) - MOST_DOUBTS} more reasons are in its file"]
    return [f"{which}: {reason}" for reason in found]


def _device(result: BenchmarkResult) -> dict[str, Any]:
    return {"device": result.environment.get("device"), "cpu": result.environment.get("cpu")}


def _versions(result: BenchmarkResult) -> dict[str, Any]:
    known = ("device", "cpu", "conditions")
    return {name: value for name, value in result.environment.items() if name not in known}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], kind: str) -> list[str]:
    early, late = dict(flat(before)), dict(flat(after))
    return [
        f"{kind}{name}: {early.get(name)!r} and {late.get(name)!r}"
        for name in dict.fromkeys((*early, *late))
        if early.get(name) != late.get(name)
    ]
