"""`zeroreal worth`: a run's synthetic images in real ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..run.worth.settings import WorthSettings
from .console import interval, output, percent
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..run import Worth


@with_options(WorthSettings)
def worth(
    given: dict[str, Any],
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
) -> None:
    """Say how many real images train as good a classifier as the run's synthetic ones.

    The same classifier is trained on ever more labelled real images. Given again after Ctrl-C, the
    command goes on.
    """
    from ..base.settings import build
    from ..run import measure_worth

    settings = build(WorthSettings, given)
    with StageBars() as bars:
        found = measure_worth(run, settings, bars.show)
    _print(found, run)


def _print(found: Worth, run: Path) -> None:
    table = Table(title=f"Accuracy on {found.tested:,} real images")
    table.add_column("trained on")
    table.add_column("images", justify="right")
    table.add_column("accuracy", justify="right")
    table.add_column("lowest to highest", justify="right")
    for point in found.points:
        span = f"{percent(min(point.accuracies))} to {percent(max(point.accuracies))}"
        table.add_row("real", f"{point.images:,}", percent(point.mean), span)
    own = f"95 %: {interval(found.interval)}"
    table.add_row("synthetic", f"{found.synthetic:,}", percent(found.accuracy), own)
    output.print(table)
    output.print(f"{found.sentence}", highlight=False, soft_wrap=True)
    output.print(f"Written: {run / 'worth.json'}", markup=False, soft_wrap=True)
