"""`zeroreal probe`: what a classifier cannot bear, and mending it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ..run.probe.settings import ProbeSettings
from .console import errors, output, percent
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..run.probe.report.figures import ProbeReport, Robustified


@with_options(ProbeSettings)
def probe(
    given: dict[str, Any],
    run: Annotated[
        Path, typer.Argument(help="The folder of a finished run, or an ONNX file deployed of one.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder for the report, by default the run's; with --robustify that of the "
            "new run, by default one beside it.",
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Measure what a classifier cannot bear: corruptions, shifts, sizes, JPEG, marks.

    Writes probe.html and probe.json. Ctrl-C ends it with the figures of the images that are done.
    """
    from ..base.settings import build
    from ..run import probe_run

    settings = build(ProbeSettings, given)
    with StageBars() as bars:
        result = probe_run(run, settings, out, bars.show)
    report = result.report
    _print(report)
    page = result.folder / "probe.html"
    output.print(f"Report: {page}", markup=False, highlight=False, soft_wrap=True)
    if report.robustified is not None:
        output.print(f"New run: {result.folder}", markup=False, highlight=False, soft_wrap=True)
    if report.images < report.planned:
        errors.print(f"interrupted after {report.images} of {report.planned} images")
        raise typer.Exit(130)


def _print(report: ProbeReport) -> None:
    kind = "real" if report.is_real else "generated"
    table = Table(title=f"Accuracy on {report.images} {kind} images under corruption")
    table.add_column("corruption")
    for severity in range(1, 6):
        table.add_column(str(severity), justify="right")
    table.add_column("mean", justify="right")
    for row in report.corruptions:
        table.add_row(row.name, *map(percent, row.accuracies), percent(row.accuracy))
    table.add_section()
    blank = [""] * 5
    table.add_row("all", *blank, percent(report.corrupted_accuracy), style="bold")
    table.add_row("as they are", *blank, percent(report.accuracy))
    output.print(table)
    if report.robustified is not None:
        output.print(_before_and_after(report.robustified))
    for one in report.advice:
        text = f"{one.weakness[0].upper()}{one.weakness[1:]}."
        text += f" {one.remedy}." if one.remedy else ""
        output.print(escape(text), highlight=False)


def _before_and_after(robust: Robustified) -> Table:
    table = Table(title=f"Fine-tuned on {len(robust.trained_on)} corruptions")
    table.add_column("images")
    for column in ("before", "after", "points"):
        table.add_column(column, justify="right")
    for words, name in (
        ("as they are", "clean"),
        ("all corruptions", "corrupted"),
        ("trained on", "trained_on"),
        ("held out", "held_out"),
        ("the others", "others"),
    ):
        before, after = getattr(robust.before, name), getattr(robust.after, name)
        if before is not None:
            points = f"{100 * (after - before):+.1f}"
            table.add_row(words, percent(before), percent(after), points)
    return table
