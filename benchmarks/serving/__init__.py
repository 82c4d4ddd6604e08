"""What serving a classifier costs beside the classifier."""

from ...report.results.column import Column
from ..benchmark import IMAGES_PER_SECOND, RATIO, Benchmark

BENCHMARKS = (
    Benchmark(
        name="serve",
        help="""A classifier over HTTP: images/s, latency and malformed requests.

        Clients send binary tensors from a process of their own, first as many as are answered,
        then a bounded load at random moments, whose latency counts from when a request was due.
        Ratios are to the model alone, called with batches of the best size.
        """,
        settings="serving.settings:ServeBenchSettings",
        measure="serving.bench:measure_serve",
        columns=(
            IMAGES_PER_SECOND,
            RATIO,
            Column("p50 ms", "latency", ".3g", 1e3),
            Column("p99 ms", "latency", ".3g", 1e3, figure="p99"),
            Column("may ms", "latency_bound", ".3g", 1e3),
            Column("answered", "answered", "d"),
            Column("MB more", "memory_growth_bytes", ".1f", 1e-6),
        ),
    ),
)
