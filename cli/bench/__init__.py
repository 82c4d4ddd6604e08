"""`zeroreal bench`: figures of this machine."""

from __future__ import annotations

import typer

from ...benchmarks.registry import BENCHMARKS
from .accuracy import levers, recipes, tricks
from .command import bench_command
from .dataset import dataset
from .generation import loop, trace
from .gpu import gpu
from .startup import export, load
from .throughput import throughput
from .training import loader, sharing, training
from .workers import workers
from .writing import plan, writing

bench_app = typer.Typer(
    help="Measure this machine: generating, training and writing, accuracy, kernels, start-up.",
    no_args_is_help=True,
)
for command in (
    throughput,
    loop,
    trace,
    recipes,
    levers,
    tricks,
    loader,
    training,
    sharing,
    writing,
    workers,
    dataset,
    plan,
    *map(bench_command, BENCHMARKS.values()),
    export,
    load,
    gpu,
):
    bench_app.command()(command)
