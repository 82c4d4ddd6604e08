"""Where the time of a batch goes."""

from ...report.results.column import Column
from ..benchmark import IMAGES_PER_SECOND, Benchmark

BENCHMARKS = (
    Benchmark(
        name="latency",
        help="Where the time of a batch goes: stages, steps, batch sizes, cold start.",
        settings="latency.settings:LatencySettings",
        measure="latency.bench:measure_latency",
        columns=(
            Column("ms", "seconds", ".4g", 1e3),
            Column("p99", "seconds", ".4g", 1e3, figure="p99"),
            Column("cv", "seconds", ".1%", figure="cv"),
            Column("enqueue", "enqueue_seconds", ".3g", 1e3),
            Column("TFLOP/s", "flop_per_second", ".3g", 1e-12),
            Column("of roof", "share_of_roof", ".0%"),
            Column("bound", "bound_by"),
            IMAGES_PER_SECOND,
            Column("GB", "peak_memory_bytes", ".3g", 1e-9),
            Column("J/image", "joules_per_image", ".3g"),
            Column("note", "note"),
            Column("s", "process_seconds", ".3g", with_quartiles=True),
            Column("PSNR dB", "psnr", ".1f"),
            Column("largest of 255", "largest_difference_of_255", ".0f", figure="max"),
        ),
    ),
)
