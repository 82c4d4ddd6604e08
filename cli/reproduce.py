"""`zeroreal reproduce`: a run made again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from .console import errors, output
from .progress import StageBars

if TYPE_CHECKING:
    from ..run.reproduce.comparison import Compared


def reproduce(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="The folder of the run that is made again.")],
) -> None:
    """Make a run again from its configuration, and say what came out the same.

    Ends with status 1 where anything did not. Given again after Ctrl-C, the command goes on.
    """
    from ..run import RunInterruptedError, reproduce_run

    with StageBars() as bars:
        try:
            found = reproduce_run(run, out, bars.show)
        except RunInterruptedError as interruption:
            bars.stop()
            errors.print(f"{interruption}; the same command goes on", markup=False, soft_wrap=True)
            raise typer.Exit(130) from None
    output.print(_table("What came out", found.results))
    if found.conditions:
        output.print(_table("What is different here", found.conditions))
    output.print(
        "All of it is the same" if found.same else "Not all of it is the same", highlight=False
    )
    output.print(f"Written: {out / 'reproduction.json'}", markup=False, soft_wrap=True)
    if not found.same:
        raise typer.Exit(1)


def _table(title: str, rows: Sequence[Compared]) -> Table:
    table = Table(title=title)
    for column in ("what", "before", "now", "same"):
        table.add_column(column, overflow="fold")
    for row in rows:
        told = (row.what, escape(row.before), escape(row.now))
        table.add_row(*told, "yes" if row.same else "no")
    return table
