"""What writing a dataset costs the generator."""

from ...report.results.column import Column
from ..benchmark import IMAGES_PER_SECOND, Benchmark

BENCHMARKS = (
    Benchmark(
        name="dataset",
        help="What encoding and writing a dataset costs the generator, against keeping nothing.",
        settings="dataset.settings:DatasetBenchSettings",
        measure="dataset.bench:measure_dataset",
        columns=(
            IMAGES_PER_SECOND,
            Column("costs, %", "cost", ".2f", 100, with_quartiles=True),
            Column("waited, s", "waited_seconds", ".2f"),
            Column("CPU, ms/image", "writer_cpu_seconds_per_image", ".3f", 1e3),
        ),
    ),
)
