"""`zeroreal bench writing` and `plan`: datasets on their way to the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .show import Result, show_json, show_rates, tell


def writing(
    cases: Annotated[
        list[str] | None,
        typer.Argument(help="Such as webdataset-jpg-32 or folder-png-256. [default: all]"),
    ] = None,
    images: Annotated[
        int, typer.Option(help="Images of 32 pixels in a round; of larger ones as many pixels.")
    ] = 4096,
    rounds: Annotated[int, typer.Option(help="Rounds of each.")] = 7,
    work: Annotated[Path | None, typer.Option(help="A folder to write into for a while.")] = None,
    result: Result = None,
) -> None:
    """Encoding and writing datasets, against the libraries of each format."""
    from ...benchmarks.writing.bench import WritingSettings, bench_writing
    from ...benchmarks.writing.cases import CASES

    settings = WritingSettings(tuple(cases or CASES), images, rounds, work, result)
    show_rates(bench_writing(settings, tell), "Writing")


def plan(
    shards: Annotated[int, typer.Option(help="Of the dataset, half of them done.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="How often each is measured.")] = 5,
    result: Result = None,
) -> None:
    """Seconds of planning a million shards, and of their status."""
    from ...benchmarks.writing.plan import PlanBenchSettings, bench_plan

    show_json(bench_plan(PlanBenchSettings(shards, rounds, result), tell))
