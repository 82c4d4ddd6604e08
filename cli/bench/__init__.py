"""`zeroreal bench`: figures of this machine."""

from __future__ import annotations

import typer

from ...benchmarks.registry import BENCHMARKS
from .command import bench_command
from .documented import measure_all, tables
from .gpu import gpu
from .results import compare, page

bench_app = typer.Typer(
    help="Measure this machine: generating, training and writing, accuracy, kernels, start-up.",
    no_args_is_help=True,
)
for benchmark in BENCHMARKS.values():
    bench_app.command()(bench_command(benchmark))
bench_app.command()(gpu)
bench_app.command("all")(measure_all)
bench_app.command()(tables)
bench_app.command()(compare)
bench_app.command()(page)
