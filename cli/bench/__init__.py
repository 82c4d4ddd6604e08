"""`zeroreal bench`: figures of this machine."""

from __future__ import annotations

from collections.abc import Callable

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
COMMANDS: tuple[Callable[..., None], ...] = (
    *map(bench_command, BENCHMARKS.values()),
    recipes,
    levers,
    tricks,
    writing,
    workers,
    dataset,
    plan,
    gpu,
)
"""In the order in which help lists them."""
for command in COMMANDS:
    bench_app.command()(command)
