"""Results of benchmarks, made by hand."""

from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import BenchmarkResult, Figures, Row

ENVIRONMENT = {
    "system": "Linux-6.1",
    "python": "3.12.1",
    "device": "AMD EPYC 7B13, 2 threads",
    "zeroreal": "0.1.0",
    "torch": "2.15.0",
    "cpu": {
        "name": "AMD EPYC 7B13, 2 threads",
        "instructions": "instructions 0123abcd",
        "cores": 2,
        "threads": 2,
    },
    "code": "ab" * 32,
    "git": {"revision": "0123456789abcdef0123456789abcdef01234567", "clean": True},
    "conditions": {
        "busy_share_before": 0.01,
        "load_before": 0.2,
        "stolen_share": 0.0,
        "gpu_before": {},
        "gpu_after": {},
    },
}


def seconds(*values, processes=()):
    return Metric(values, "s", "lower", processes)


def rate(*values, processes=()):
    return Metric(values, "images/s", "higher", processes)


def result(*rows, **changes):
    """A result of these rows; `figures` further parts of its figures, the rest its own fields."""
    figures = Figures(tuple(rows), **changes.pop("figures", {}))
    fields = {
        "benchmark": "pace",
        "command": "zeroreal bench pace --rounds 3 --result 'my pace.json'",
        "date": "2026-02-03T14:05:06+00:00",
        "environment": ENVIRONMENT,
        "settings": {"device": "cpu", "rounds": 3, "generate": {"steps": 12, "dtype": None}},
    }
    return BenchmarkResult(figures=figures, **(fields | changes))


def race():
    """Two contenders against a baseline, and one that could not serve."""
    ratio = Metric((1.9, 2.0, 2.1), "x", "higher")
    same = Metric((1.0, 1.0, 1.0), "x", "higher")
    return result(
        Row(
            "plain",
            metrics={"seconds": seconds(0.02, 0.021, 0.019), "ratio": same},
            is_baseline=True,
        ),
        Row("ours", metrics={"seconds": seconds(0.0105, 0.01, 0.0095), "ratio": ratio}),
        Row("broken", reason="RuntimeError: no kernel"),
        figures={"facts": {"copy_bytes_per_second": 2.5e10}},
    )
