"""How datasets get to the disk: writing images, and planning shards."""

from ...report.results.column import Column
from ..benchmark import IMAGES_PER_SECOND, RATIO, Benchmark

BENCHMARKS = (
    Benchmark(
        name="writing",
        help="Encoding and writing datasets, against the libraries of each format.",
        settings="writing.settings:WritingSettings",
        measure="writing.bench:measure_writing",
        columns=(IMAGES_PER_SECOND, RATIO),
    ),
    Benchmark(
        name="plan",
        help="Seconds of planning a million shards, and of their status.",
        settings="writing.settings:PlanBenchSettings",
        measure="writing.plan:measure_plan",
        columns=(Column("seconds", "seconds", ".2f", with_quartiles=True),),
    ),
)
