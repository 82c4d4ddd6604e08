"""Results in the forms that other tools read."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from .result import BenchmarkResult


def bencher_metrics(result: BenchmarkResult) -> dict[str, Any]:
    """Bencher Metric Format: benchmark -> measure -> value with quartiles as its bounds.

    https://bencher.dev/docs/reference/bencher-metric-format/
    """
    found: dict[str, Any] = {}
    for row in result.rows:
        measures = {}
        for name, metric in row.metrics.items():
            low, high = metric.quartiles
            measures[_slug(name)] = {
                "value": metric.median,
                "lower_value": low,
                "upper_value": high,
            }
        if measures:
            found[_title(result, row.case, row.name)] = measures
    return found


def pytest_benchmark(result: BenchmarkResult) -> dict[str, Any]:
    """The file of pytest-benchmark: the metrics in seconds, as version 5.3 writes its own.

    https://pytest-benchmark.readthedocs.io/en/stable/
    """
    benchmarks = []
    for row in result.rows:
        for name, metric in row.metrics.items():
            if metric.unit != "s":
                continue
            full = f"{_title(result, row.case, row.name)}[{name}]"
            benchmarks.append(
                {
                    "group": result.benchmark,
                    "name": full,
                    "fullname": full,
                    "params": None,
                    "param": None,
                    "extra_info": {},
                    "options": {},
                    "stats": _statistics(metric.values),
                }
            )
    git = result.environment.get("git") or {}
    return {
        "machine_info": {k: v for k, v in result.environment.items() if k != "conditions"},
        "commit_info": {
            "id": git.get("revision", "unversioned"),
            "dirty": not git.get("clean", True),
        },
        "benchmarks": benchmarks,
        "datetime": result.date,
        "version": "5.3.1",
    }


FORMS: dict[str, Callable[[BenchmarkResult], dict[str, Any]]] = {
    "bmf": bencher_metrics,
    "pytest-benchmark": pytest_benchmark,
}


def _title(result: BenchmarkResult, case: str, name: str) -> str:
    return "/".join(part for part in (result.benchmark, case, name) if part)


def _slug(name: str) -> str:
    """A measure's name as Bencher takes it: small letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _statistics(values: Sequence[float]) -> dict[str, Any]:
    """As pytest_benchmark.stats.Stats has them; quartiles are not those of our own metrics."""
    ordered, count = sorted(values), len(values)
    mean, median = statistics.mean(values), statistics.median(values)
    deviation = statistics.stdev(values) if count > 1 else 0.0
    low, high = _hinges(ordered)
    reach = 1.5 * (high - low)
    near = [value for value in ordered if low - reach <= value <= high + reach]
    far = sum(abs(value - mean) > deviation for value in values)
    total = sum(values)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": deviation,
        "rounds": count,
        "median": median,
        "iqr": high - low,
        "q1": low,
        "q3": high,
        "iqr_outliers": count - len(near),
        "stddev_outliers": far,
        "outliers": f"{far};{count - len(near)}",
        "ld15iqr": near[0],
        "hd15iqr": near[-1],
        "ops": count / total if total else 0.0,
        "total": total,
        "iterations": 1,
        "data": list(values),
    }


def _hinges(ordered: Sequence[float]) -> tuple[float, float]:
    """Quartiles as pytest-benchmark takes them: of an even count the medians of both halves.

    Of an odd count the mean of the medians of the halves with and without the middle, by the
    third method of https://en.wikipedia.org/wiki/Quartile.
    """
    count = len(ordered)
    if count == 1:
        return ordered[0], ordered[0]
    half, odd = divmod(count, 2)
    if not odd:
        return statistics.median(ordered[:half]), statistics.median(ordered[half:])
    n = count // 4
    if count % 4 == 1:
        low = 0.25 * ordered[n - 1] + 0.75 * ordered[n]
        return low, 0.75 * ordered[3 * n] + 0.25 * ordered[3 * n + 1]
    low = 0.75 * ordered[n] + 0.25 * ordered[n + 1]
    return low, 0.25 * ordered[3 * n + 1] + 0.75 * ordered[3 * n + 2]
