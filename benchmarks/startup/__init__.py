"""How long exporting, building and loading take."""

from ...report.results.column import Column
from ..benchmark import Benchmark

BENCHMARKS = (
    Benchmark(
        name="export",
        help="Time and memory of exporting and building a full-size model.",
        settings="startup.settings:ExportBenchSettings",
        measure="startup.export:measure_export",
        columns=(
            Column("s", "seconds", ".3g"),
            Column("peak GB", "peak_bytes", ".2f", 1e-9),
            Column("of weights", "peak_over_weights", ".2f"),
            Column("plan GB", "plan_bytes", ".2f", 1e-9),
        ),
    ),
    Benchmark(
        name="load",
        help="Seconds to load the exported embedded model into ONNX Runtime.",
        settings="startup.settings:LoadSettings",
        measure="startup.load:measure_load",
        columns=(Column("s", "seconds", ".3g", with_quartiles=True),),
    ),
)
