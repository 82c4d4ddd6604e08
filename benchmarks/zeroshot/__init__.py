"""Classifying images without training, against the methods' own programs."""

from ...report.results.column import Column
from ..benchmark import IMAGES_PER_SECOND, RATIO, Benchmark

BENCHMARKS = (
    Benchmark(
        name="zeroshot",
        help="""Classifying without training, against diffusers and transformers.

        The diffusion classifier against its method's plain loop on diffusers, with the same noise,
        and dual encoders against transformers; all classify the same images, each at its best
        batch. Ratios are to the first contender of the case that can serve; agree is the share of
        images that get the same class as by that one.
        """,
        settings="zeroshot.settings:ZeroshotBenchSettings",
        measure="zeroshot.bench:measure_zeroshot",
        columns=(
            Column("evals/s", "evaluations_per_second", ".4g"),
            IMAGES_PER_SECOND,
            Column("s/image", "seconds_per_image", ".3g"),
            RATIO,
            Column("agree", "agreement", ".1%"),
        ),
    ),
)
