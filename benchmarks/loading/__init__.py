"""The loader against torchvision in a DataLoader."""

from ..benchmark import IMAGES_PER_SECOND, RATIO, Benchmark

BENCHMARKS = (
    Benchmark(
        name="loader",
        help="The loader alone, against torchvision in a DataLoader.",
        settings="loading.settings:LoaderSettings",
        measure="loading.loader:measure_loader",
        columns=(IMAGES_PER_SECOND, RATIO),
    ),
)
