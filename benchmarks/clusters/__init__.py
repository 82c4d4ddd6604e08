"""What several workers make of a dataset, against one."""

from ..benchmark import IMAGES_PER_SECOND, RATIO, Benchmark

BENCHMARKS = (
    Benchmark(
        name="workers",
        help="Several workers under Ray making a dataset, against one.",
        settings="clusters.settings:WorkersSettings",
        measure="clusters.workers:measure_workers",
        columns=(IMAGES_PER_SECOND, RATIO),
    ),
)
