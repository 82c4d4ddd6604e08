"""Training against a plain timm loop, and beside generating."""

from ...report.results.column import Column
from ..benchmark import IMAGES_PER_SECOND, RATIO, Benchmark

BENCHMARKS = (
    Benchmark(
        name="training",
        help="Training from the pool, against a cached batch and timm's loop.",
        settings="training.settings:TrainingSettings",
        measure="training.bench:measure_training",
        columns=(IMAGES_PER_SECOND, RATIO),
    ),
    Benchmark(
        name="sharing",
        help="Generating and training on one device, alone and together.\n\n"
        "Together they are to take the longer of the two and half of the shorter.",
        settings="training.settings:SharingSettings",
        measure="training.sharing:measure_sharing",
        columns=(
            Column("s", "seconds", ".4g", with_quartiles=True),
            Column("of the target", "of_target", ".2f"),
        ),
    ),
)
