"""How fast images are generated, against diffusers and what is built on it."""

from ...report.results.column import Column
from ..benchmark import IMAGES_PER_SECOND, RATIO, Benchmark

BENCHMARKS = (
    Benchmark(
        name="throughput",
        help="Images a second, ours against diffusers and optimum.\n\n"
        "All generate the same images, each at its best batch size. Ratios are those to the first "
        "contender that can serve; apart are pixels from its images, the most of 255.",
        settings="generation.settings:ThroughputSettings",
        measure="generation.throughput:measure_throughput",
        columns=(
            Column("batch", "batch_size", ".0f"),
            IMAGES_PER_SECOND,
            RATIO,
            Column("GB", "memory_bytes", ".2f", 1e-9),
            Column("apart", "max_difference_of_255", ".0f"),
        ),
    ),
    Benchmark(
        name="loop",
        help="What the generator's own loop costs, and whether it slows down.\n\n"
        "Its share of a step on a CPU, and images a second of many batches against few.",
        settings="generation.settings:LoopSettings",
        measure="generation.loop:measure_loop",
        columns=(
            IMAGES_PER_SECOND,
            Column("many to few", "long_to_short", ".3f", with_quartiles=True),
            Column("own share", "overhead_share", ".2%"),
        ),
    ),
    Benchmark(
        name="trace",
        help="How long a GPU has nothing to do while our generator runs.",
        settings="generation.settings:TraceSettings",
        measure="generation.trace:measure_trace",
        columns=(
            Column("ms", "span_seconds", ".4g", 1e3),
            Column("idle", "idle_share", ".2%"),
            Column("gaps", "gaps", ".0f"),
            Column("longest, us", "longest_gap_seconds", ".3g", 1e6),
        ),
    ),
)
