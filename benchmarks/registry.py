"""All benchmarks by name."""

from __future__ import annotations

from ..base.errors import unknown
from . import e2e, kernels
from .benchmark import Benchmark

BENCHMARKS: dict[str, Benchmark] = {one.name: one for one in (*kernels.BENCHMARKS, *e2e.BENCHMARKS)}
"""In the order in which help lists them."""


def benchmark(name: str) -> Benchmark:
    """The benchmark called `name`; `InputError` if there is none."""
    if name not in BENCHMARKS:
        raise unknown("benchmark", name, BENCHMARKS)
    return BENCHMARKS[name]
