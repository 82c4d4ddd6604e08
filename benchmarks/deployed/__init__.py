"""What the deployed files of a run are worth: size, speed, accuracy."""

from ...report.results.column import Column
from ..benchmark import IMAGES_PER_SECOND, RATIO, Benchmark

BENCHMARKS = (
    Benchmark(
        name="deploy",
        help="""The deployed files of one run: size, latency, images/s, accuracy, agreement.

        The run as PyTorch has it and its files as ONNX, in 8 bits and as OpenVINO's, each in a
        process of its own, take turns. Ratios are to the ONNX file in floats. Accuracy and
        agreement with PyTorch are those of the check that `zeroreal deploy` makes.
        """,
        settings="deployed.settings:DeployBenchSettings",
        measure="deployed.bench:measure_deploy",
        columns=(
            Column("MB", "bytes", ".2f", 1e-6),
            Column("accuracy", "accuracy", ".1%"),
            Column("agreement", "agreement", ".2%"),
            Column("p50 ms", "latency", ".3g", 1e3),
            Column("p99 ms", "latency", ".3g", 1e3, figure="p99"),
            Column("batch", "batch_size"),
            IMAGES_PER_SECOND,
            RATIO,
        ),
    ),
)
