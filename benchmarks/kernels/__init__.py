"""Kernels against plain PyTorch."""

from ...report.results.column import Column
from ..benchmark import RATIO, Benchmark

BENCHMARKS = (
    Benchmark(
        name="kernels",
        help="Each kernel against plain PyTorch, eager and compiled.",
        settings="kernels.settings:KernelSettings",
        measure="kernels.bench:measure_kernels",
        columns=(
            Column("us", "seconds", ".4g", 1e6),
            Column("GB/s", "bytes_per_second", ".3g", 1e-9),
            Column("of copying", "share_of_copy", ".0%"),
            RATIO,
        ),
    ),
)
