"""`zeroreal bench workers`: a dataset made by several workers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .show import Result, show_rates, tell


def workers(
    count: Annotated[
        int, typer.Option("--workers", help="Workers that are compared with one; each has a core.")
    ] = 2,
    images: Annotated[int, typer.Option(help="Images of the dataset that is made.")] = 6000,
    shard_size: Annotated[int, typer.Option(help="Images in a shard.")] = 100,
    steps: Annotated[int, typer.Option(help="Denoising steps for each image.")] = 4,
    rounds: Annotated[int, typer.Option(help="Rounds of each.")] = 5,
    work: Annotated[Path | None, typer.Option(help="A folder to write into for a while.")] = None,
    result: Result = None,
) -> None:
    """Several workers under Ray making a dataset, against one."""
    from ...benchmarks.clusters.workers import WorkersSettings, bench_workers

    settings = WorkersSettings(count, images, shard_size, steps, rounds, work, result)
    show_rates(bench_workers(settings, tell), "Workers")
