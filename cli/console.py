"""Where the command prints: results on standard output, all else on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from ..run import TestFigures

output = Console()
errors = Console(stderr=True)


def percent(value: float | None) -> str:
    """A share as a percentage; a dash where there is no share."""
    return "-" if value is None else f"{100 * value:.1f} %"


def interval(bounds: tuple[float, float] | None) -> str:
    """A 95 % interval as percentages; empty where there is no interval."""
    return "" if bounds is None else f"{100 * bounds[0]:.1f} - {100 * bounds[1]:.1f} %"


def accuracy_table(test: TestFigures) -> Table:
    """The figures of a test, overall and per class."""
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
    return table
