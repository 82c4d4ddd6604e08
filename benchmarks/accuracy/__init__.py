"""What recipes, levers and tricks do to the accuracy."""

from ...report.results.column import Column
from ..benchmark import IMAGES_PER_SECOND, Benchmark

_ACCURACY = Column("accuracy, %", "accuracy", ".1f", 100, with_deviation=True)

BENCHMARKS = (
    Benchmark(
        name="recipes",
        help="Accuracy of each recipe, beside as many real images.",
        settings="accuracy.settings:RecipesSettings",
        measure="accuracy.recipes:measure_recipes",
        columns=(_ACCURACY,),
    ),
    Benchmark(
        name="levers",
        help="What each lever does to speed and to accuracy.",
        settings="accuracy.settings:LeversSettings",
        measure="accuracy.levers:measure_levers",
        columns=(
            IMAGES_PER_SECOND,
            Column("times", "ratio", ".2f"),
            _ACCURACY,
            Column("at equal time", "accuracy_at_equal_time", ".1f", 100, with_deviation=True),
            Column("images", "equal_time_images", ",.0f"),
        ),
    ),
    Benchmark(
        name="tricks",
        help="What tricks against the gap to real images do to accuracy.",
        settings="accuracy.settings:TricksSettings",
        measure="accuracy.tricks:measure_tricks",
        columns=(_ACCURACY,),
    ),
)
