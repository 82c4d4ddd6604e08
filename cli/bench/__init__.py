"""`zeroreal bench`: figures of this machine."""

from __future__ import annotations

import typer

from ...benchmarks.registry import BENCHMARKS
from .accuracy import levers, recipes, tricks
from .command import bench_command
from .dataset import dataset
from .gpu import gpu
from .workers import workers
from .writing import plan, writing

bench_app = typer.Typer(
    help="Measure this machine: generating, training and writing, accuracy, kernels, start-up.",
    no_args_is_help=True,
)
for command in (
    *map(bench_command, BENCHMARKS.values()),
    recipes,
    levers,
    tricks,
    writing,
    workers,
    dataset,
    plan,
    gpu,
):
    bench_app.command()(command)
