"""`zeroreal audit`: recipes, models and levers compared before the big run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ..run.audit.settings import AuditSettings
from .console import errors, output, percent
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..run import AuditResult


@with_options(AuditSettings)
def audit(
    given: dict[str, Any],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The audit's folder, or that of an earlier one, whose images are taken again.",
            show_default="runs/TIME-audit",
        ),
    ] = None,
) -> None:
    """Compare recipes, models and levers by some 200 images of each class, before the big run.

    Real images (--reference, --data) rank them; without any, only what needs none is told.
    """
    from ..base.settings import build
    from ..run import AuditInterruptedError, run_audit

    settings = build(AuditSettings, given)
    with StageBars() as bars:
        try:
            result = run_audit(settings, out, bars.show)
        except AuditInterruptedError as interruption:
            bars.stop()
            errors.print(
                f"{interruption}; the same command with --out {interruption.folder} goes on",
                markup=False,
                soft_wrap=True,
            )
            raise typer.Exit(130) from None
    _print(result)


def _print(result: AuditResult) -> None:
    output.print(_table(result))
    if (note := result.bound_note) is not None:
        output.print(f"{note[0].upper()}{note[1:]}.", markup=False, highlight=False, soft_wrap=True)
    for sentence in (*result.warnings, *result.notes):
        errors.print(sentence, markup=False, highlight=False, soft_wrap=True)
    first = result.pairs[0]
    output.print(
        f"Most alike of the class names: {first.first} and {first.second}",
        markup=False,
        highlight=False,
    )
    if result.unknown_names:
        output.print(f"In no caption: {', '.join(result.unknown_names)}", markup=False)
    if result.command is not None:
        output.print(f"Best: {result.command}", markup=False, highlight=False, soft_wrap=True)
    output.print(f"Report: {result.folder / 'audit.html'}", markup=False, soft_wrap=True)


def _table(result: AuditResult) -> Table:
    """The candidates, the best first where they have a rank; the rest is in the report."""
    table = Table(title=f"{len(result.candidates)} candidates, {result.seconds:.0f} s")
    table.add_column("candidate", overflow="fold")
    columns = ["images/s", "agrees", "Vendi"]
    if result.reference is not None:
        columns = ["in equal time", "coverage", *columns]
    if is_trained := any(one.accuracies for one in result.candidates):
        columns += ["accuracy", "at least"]
    for column in columns:
        table.add_column(column, justify="right")
    for one in result.candidates:
        rate = "-" if one.images_per_second is None else f"{one.images_per_second:.1f}"
        cells = [rate, percent(one.agreement.share), f"{one.vendi:.2f}"]
        if (near := one.nearness) is not None:
            equal = None if one.equal_time is None else one.equal_time.coverage
            cells = [percent(equal), percent(near.coverage), *cells]
        if is_trained:
            cells += [percent(one.accuracy), percent(one.accuracy_bound)]
        table.add_row(escape(one.name), *cells)
    return table
