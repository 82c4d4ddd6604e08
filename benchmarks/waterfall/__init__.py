"""What each step from `diffusers` to our fastest is worth."""

from ...report.results.column import Column
from ..benchmark import IMAGES_PER_SECOND, Benchmark

BENCHMARKS = (
    Benchmark(
        name="waterfall",
        help="What each step from diffusers to our fastest is worth for a model.\n\n"
        "A row changes one thing of another; before is its speed against that one's, first against "
        "the first's. Images differ from the first row's by mean and max, of 255, and PSNR in dB.",
        settings="waterfall.settings:WaterfallSettings",
        measure="waterfall.bench:measure_waterfall",
        columns=(
            IMAGES_PER_SECOND,
            Column("before", "ratio_before", ".2f"),
            Column("first", "ratio", ".2f"),
            Column("TFLOP/s", "flop_per_second", ".3g", 1e-12),
            Column("GB", "memory_bytes", ".2f", 1e-9),
            Column("mean", "mean_difference_of_255", ".2f"),
            Column("max", "max_difference_of_255", ".0f"),
            Column("PSNR", "psnr", ".1f"),
        ),
    ),
)
