"""All benchmarks by name."""

from __future__ import annotations

from ..base.errors import unknown
from . import (
    accuracy,
    clusters,
    dataset,
    deployed,
    e2e,
    generation,
    kernels,
    latency,
    loading,
    serving,
    startup,
    training,
    waterfall,
    writing,
    zeroshot,
)
from .benchmark import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    one.name: one
    for one in (
        *generation.BENCHMARKS,
        *waterfall.BENCHMARKS,
        *latency.BENCHMARKS,
        *loading.BENCHMARKS,
        *training.BENCHMARKS,
        *e2e.BENCHMARKS,
        *accuracy.BENCHMARKS,
        *writing.BENCHMARKS,
        *clusters.BENCHMARKS,
        *dataset.BENCHMARKS,
        *kernels.BENCHMARKS,
        *startup.BENCHMARKS,
        *serving.BENCHMARKS,
        *deployed.BENCHMARKS,
        *zeroshot.BENCHMARKS,
    )
}
"""In the order in which help lists them."""


def benchmark(name: str) -> Benchmark:
    """The benchmark called `name`; `InputError` if there is none."""
    if name not in BENCHMARKS:
        raise unknown("benchmark", name, BENCHMARKS)
    return BENCHMARKS[name]
