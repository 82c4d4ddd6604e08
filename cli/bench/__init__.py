"""`zeroreal bench`: figures of this machine."""

from __future__ import annotations

import typer

from ...benchmarks.registry import BENCHMARKS
from .command import bench_command
from .documented import measure_all, tables
from .generation import loop, trace
from .startup import export, load
from .throughput import throughput
from .training import loader, sharing, training

bench_app = typer.Typer(
    help="Measure this machine: generating, training and writing, accuracy, kernels, start-up.",
    no_args_is_help=True,
)
for command in (
    throughput,
    loop,
    trace,
    loader,
    training,
    sharing,
    *map(bench_command, BENCHMARKS.values()),
    export,
    load,
):
    bench_app.command()(command)
bench_app.command("all")(measure_all)
bench_app.command()(tables)
