"""Results in the forms that other tools read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .result import BenchmarkResult


def bencher_metrics(result: BenchmarkResult) -> dict[str, Any]:
    """Bencher Metric Format: benchmark -> measure -> value with quartiles as its bounds.

    https://bencher.dev/docs/reference/bencher-metric-format/
    """
    found: dict[str, Any] = {}
    for row in result.rows:
        measures = {}
        for name, metric in row.metrics.items():
            low, high = np.percentile(metric.values, (25, 75))
            measures[name.replace("_", "-")] = {
                "value": metric.median,
                "lower_value": float(low),
                "upper_value": float(high),
            }
        if measures:
            found[_title(result, row.case, row.name)] = measures
    return found


def pytest_benchmark(result: BenchmarkResult) -> dict[str, Any]:
    """The file of pytest-benchmark, version 4's: the metrics in seconds, as its statistics.

    https://pytest-benchmark.readthedocs.io/en/stable/
    """
    benchmarks = []
    for row in result.rows:
        for name, metric in row.metrics.items():
            if metric.unit != "s":
                continue
            low, high = np.percentile(metric.values, (25, 75))
            mean = float(np.mean(metric.values))
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
                    "stats": {
                        "min": min(metric.values),
                        "max": max(metric.values),
                        "mean": mean,
                        "stddev": metric.std,
                        "rounds": len(metric.values),
                        "median": metric.median,
                        "iqr": float(high - low),
                        "q1": float(low),
                        "q3": float(high),
                        "iqr_outliers": _outliers(metric.values, low, high),
                        "stddev_outliers": sum(
                            abs(value - mean) > metric.std for value in metric.values
                        ),
                        "outliers": "",
                        "ld15iqr": min(metric.values),
                        "hd15iqr": max(metric.values),
                        "ops": 1 / mean if mean else 0.0,
                        "total": float(np.sum(metric.values)),
                        "iterations": 1,
                        "data": list(metric.values),
                    },
                }
            )
    return {
        "machine_info": dict(result.environment),
        "commit_info": result.environment.get("git") or {},
        "benchmarks": benchmarks,
        "datetime": result.date,
        "version": "4.0.0",
    }


FORMS: dict[str, Callable[[BenchmarkResult], dict[str, Any]]] = {
    "bmf": bencher_metrics,
    "pytest-benchmark": pytest_benchmark,
}


def _title(result: BenchmarkResult, case: str, name: str) -> str:
    return "/".join(part for part in (result.benchmark, case, name) if part)


def _outliers(values: tuple[float, ...], low: float, high: float) -> int:
    reach = 1.5 * (high - low)
    return sum(not low - reach <= value <= high + reach for value in values)
