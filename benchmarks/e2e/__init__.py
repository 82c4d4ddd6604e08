"""Class names to accuracy: ours against generating with diffusers and training from a folder."""

from ...report.results.column import Column
from ..benchmark import Benchmark

BENCHMARKS = (
    Benchmark(
        name="e2e",
        help="""Class names to a trained classifier: seconds to an accuracy, and accuracy in a time.

        Contenders: ours is `zeroreal run` as it is. usual is what most people do: diffusers'
        pipeline at guidance 7.5, PNG files in a folder for each class, torchvision's loader and a
        plain loop of timm's parts. informed is the same with the recipe of ours, which tells what
        is ours from what is guidance. Settings may follow, such as ours:steps=4,deep_cache=2 or
        informed:compile=true. Times of the others are given as multiples of the first contender's.
        """,
        settings="e2e.settings:E2eSettings",
        measure="e2e.bench:measure_e2e",
        columns=(
            Column("s", "seconds", ".3g"),
            Column("start", "startup_seconds", ".3g"),
            Column("generate", "generate_seconds", ".3g"),
            Column("save", "save_seconds", ".3g"),
            Column("train", "train_seconds", ".3g"),
            Column("accuracy", "accuracy", ".1%"),
            Column("time", "time_ratio", ".2f"),
            Column("95 %", "time_ratio_interval"),
            Column("reached", "reached"),
            Column("best", "best_accuracy", ".1%"),
        ),
    ),
)
