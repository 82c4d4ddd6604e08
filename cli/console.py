"""Where the command prints: results on standard output, all else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table

from ..base.printable import printable

if TYPE_CHECKING:
    from ..run import BaselineFigures, TestFigures
    from ..run.decide.figures import DecidingFigures
    from ..train.classifier.confidence import TestedConfidence

_DISTANCES = (
    "Mean squared and mean distance to the true class; severity: mean distance of the mistakes; "
    "siblings: mistakes right beside the true class"
)
_LEVELS = "1 is the top; right there is what lies under the same name as the true class, or is it"


class PlainConsole(Console):
    """A console to which only it gives orders: control characters in what is printed are escaped.

    Names from files of others are printed everywhere, and may hold what a terminal obeys.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=printable(segment.text, keep="\n"))


output = PlainConsole()
errors = PlainConsole(stderr=True)


def print_plain(text: str) -> None:
    """Print text for other programs; a terminal that shows it instead is given no orders."""
    typer.echo(printable(text, keep="\n\t") if sys.stdout.isatty() else text, nl=False)


def percent(value: float | None) -> str:
    """A share as a percentage; a dash where there is no share."""
    return "-" if value is None else f"{100 * value:.1f} %"


def interval(bounds: tuple[float, float] | None) -> str:
    """A 95 % interval as percentages; empty where there is no interval."""
    return "" if bounds is None else f"{100 * bounds[0]:.1f} - {100 * bounds[1]:.1f} %"


def accuracy_table(test: TestFigures, baselines: Sequence[BaselineFigures] = ()) -> Table:
    """The figures of a test, overall and per class, and those of what needed no training."""
    table = Table(title=f"Accuracy on {test.images} real images")
    table.add_column("class")
    table.add_column("accuracy", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("images", justify="right")
    for row in test.per_class:
        cells = (percent(row.accuracy), interval(row.interval), str(row.images))
        table.add_row(escape(row.class_name), *cells)  # class names are the user's
    table.add_section()
    total = (percent(test.accuracy), interval(test.interval), str(test.images))
    table.add_row("all (top-1)", *total, style="bold")
    table.add_row("chance", percent(test.chance), "", "", style="dim")
    for one in baselines:
        cells = (percent(one.accuracy), interval(one.interval), str(one.images))
        table.add_row(escape(f"baseline: {one.title}"), *cells)
    return table


def deciding_table(deciding: DecidingFigures) -> Table:
    """What each step of deciding makes of accuracy and, by a label metric, of distances."""
    table = Table(title="Decided by", caption=_DISTANCES if deciding.label_metric else None)
    table.add_column("decided by", overflow="fold")
    columns = ["95 % interval"]  # beside distances there is no room; the file has both
    if deciding.label_metric is not None:
        columns = ["squared", "distance", "severity", "siblings"]
    columns.insert(0, "accuracy")
    for column in columns:
        table.add_column(column, justify="right")
    for number, one in enumerate(deciding.steps):
        cells = [percent(one.accuracy)]
        if (far := one.distances) is None:
            cells.append(interval(one.interval))
        else:
            severity = "-" if far.mistake_severity is None else f"{far.mistake_severity:.2f}"
            cells += [f"{far.mean_squared:.3f}", f"{far.mean:.3f}", severity]
            cells.append(percent(far.sibling_mistakes))
        table.add_row(f"+ {one.step}" if number else one.step, *cells)
    return table


def levels_table(deciding: DecidingFigures) -> Table | None:
    """What each step of deciding makes of the accuracy at each level of a tree; None without it."""
    levels = [one.distances.levels if one.distances else None for one in deciding.steps]
    known = [shares for shares in levels if shares is not None]
    if not known:
        return None
    table = Table(title="Accuracy by level of the tree", caption=_LEVELS)
    table.add_column("level", justify="right")
    for number, one in enumerate(deciding.steps):
        table.add_column(f"+ {one.step}" if number else one.step, justify="right")
    for level, shares in enumerate(zip(*known, strict=True), 1):
        table.add_row(str(level), *map(percent, shares))
    return table


def print_deciding(deciding: DecidingFigures) -> None:
    """What each step of deciding comes to, and what decisions rest on."""
    output.print(deciding_table(deciding))
    if (levels := levels_table(deciding)) is not None:
        output.print(levels)
    output.print(deciding.note, markup=False, highlight=False, soft_wrap=True)


def confidence_table(tests: Sequence[TestedConfidence]) -> Table:
    """How far probabilities can be trusted on each set of images, before and after calibration.

    The accuracy is that of what is kept. Of a deployed file, what was before is not known.
    """
    known = any(test.before is not None for test in tests)
    when = "before and after calibration" if known else "after calibration"
    table = Table(title=f"Probabilities {when}")
    table.add_column("images", overflow="fold", min_width=10)
    for column in ("number", "ECE", "Brier", "kept", "accuracy"):  # the rest is in the file
        table.add_column(column, justify="right")
    for test in tests:
        after = test.after
        figures = [after] if test.before is None else [test.before, after]
        table.add_row(
            escape(Path(test.source).name),
            str(after.images),
            " → ".join(percent(one.ece) for one in figures),
            " → ".join(f"{one.brier:.3f}" for one in figures),
            percent(test.kept),
            percent(test.kept_accuracy),
        )
    return table
