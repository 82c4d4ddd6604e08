"""`zeroreal bench compare` and `bench page`: what is made of results that were written before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import output
from .command import rich_table

_Result = Annotated[Path, typer.Argument(help="The JSON file of a result.", show_default=False)]


def compare(
    before: _Result,
    after: _Result,
    force: Annotated[
        bool, typer.Option("--force", help="Compare also other settings or another device.")
    ] = False,
) -> None:
    """Say what changed from one result to another, by how much, and whether it is only noise.

    Noise is told from change by the processes that measured the same: five or more, as --repeats 5
    gives them. The interval in parentheses is that of the ratio, at 95 %.
    """
    from ...report.results.comparing import compare as compared
    from ...report.results.comparison_table import comparison_tables, sentences
    from ...report.results.reading import read_result

    comparison = compared(read_result(before), read_result(after), force=force)
    for case, table in comparison_tables(comparison):
        output.print(rich_table(table, case or comparison.benchmark))
    for sentence in sentences(comparison):
        output.print(sentence, markup=False, highlight=False, soft_wrap=True)


def page(
    results: Annotated[
        list[Path], typer.Argument(help="JSON files of results.", show_default=False)
    ],
) -> None:
    """Write the page of each result again, FILE.html beside FILE.json."""
    from ...benchmarks.bench import write_page

    for path in results:
        output.print(str(write_page(path)), markup=False, highlight=False, soft_wrap=True)
