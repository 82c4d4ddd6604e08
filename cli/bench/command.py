"""A command for each benchmark, made from its settings: what it asks, how its result is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from ...base.settings import build
from ...benchmarks.benchmark import Benchmark
from ..console import errors, output
from ..options import with_options

if TYPE_CHECKING:
    from ...report.results.result import BenchmarkResult
    from ...report.results.table import TextTable

_PANEL = "Result"


def bench_command(benchmark: Benchmark) -> Callable[..., None]:
    """The function of `zeroreal bench NAME`, with an option for each of the settings."""
    kind = benchmark.settings_class()

    @with_options(kind)
    def command(
        given: dict[str, Any],
        result: Annotated[
            Path | None,
            typer.Option(
                help="The JSON file of all that is measured; CSV and a page stand beside it.",
                rich_help_panel=_PANEL,
            ),
        ] = None,
        repeats: Annotated[
            int,
            typer.Option(
                help="Processes that measure the same, one after the other: five tell a change "
                "from noise (bench compare).",
                rich_help_panel=_PANEL,
            ),
        ] = 1,
        emit: Annotated[
            list[str] | None,
            typer.Option(
                help="A further file beside the result: bmf (Bencher) or pytest-benchmark.",
                rich_help_panel=_PANEL,
            ),
        ] = None,
    ) -> None:
        from ...benchmarks.bench import bench

        measured = bench(
            benchmark.name,
            build(kind, given),
            path=result,
            repeats=repeats,
            emit=emit or (),
            tell=tell,
        )
        show(measured, benchmark)

    command.__name__, command.__doc__ = benchmark.name, benchmark.help
    return command


def tell(line: str) -> None:
    """Say how far a benchmark is."""
    errors.print(line, style="dim", markup=False, highlight=False)


def show(result: BenchmarkResult, benchmark: Benchmark) -> None:
    """Print a result's tables and verdict; raises `KeyboardInterrupt` where it is not finished."""
    from ...report.results.table import failures, tables

    for case, table in tables(result, benchmark.columns):
        if table.rows:
            output.print(rich_table(table, case))
    for line in failures(result):
        output.print(line, markup=False, highlight=False, soft_wrap=True)
    output.print("VALID" if result.is_valid else "INVALID", style="bold")
    for reason in result.figures.reasons:
        output.print(f"not to be trusted: {reason}", markup=False, highlight=False, soft_wrap=True)
    if not result.figures.finished:
        raise KeyboardInterrupt


def rich_table(table: TextTable, title: str) -> Table:
    """The table for a terminal; its first column gives way where it is narrow."""
    shown = Table(
        title=title or None,
        title_justify="left",
        box=box.SIMPLE,
        pad_edge=False,
        collapse_padding=True,
    )
    shown.add_column("", overflow="fold")
    for column in table.titles[1:]:
        shown.add_column(column, justify="right", no_wrap=True)
    for row in table.rows:
        shown.add_row(*map(escape, row))
    return shown
