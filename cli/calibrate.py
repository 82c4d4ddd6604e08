"""`zeroreal calibrate`: honest probabilities of a run's classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ..run.calibration.settings import CalibrateSettings
from .console import confidence_table, output, percent
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..run import Calibration


@with_options(CalibrateSettings)
def calibrate(
    given: dict[str, Any],
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
) -> None:
    """Fit a temperature and a threshold to reject by, on images that the run's model generates.

    `zeroreal predict` and `zeroreal evaluate` use them from then on. Real images serve to measure
    only.
    """
    from ..base.settings import build
    from ..run import calibrate_run

    settings = build(CalibrateSettings, given)
    with StageBars() as bars:
        calibration = calibrate_run(run, settings, bars.show)
    _print(calibration, run)


def _print(calibration: Calibration, run: Path) -> None:
    tests = [test for test in (calibration.synthetic, calibration.real) if test is not None]
    output.print(confidence_table(tests))
    table = Table(title="What is off the classes")
    table.add_column("kind")
    table.add_column("against", overflow="fold")
    for column in ("images", "AUROC", "rejected"):
        table.add_column(column, justify="right")
    for row in calibration.rejecting:
        table.add_row(
            row.kind,
            escape(row.against),
            str(row.images),
            f"{row.auroc:.3f}",
            percent(row.rejected),
        )
    output.print(table)
    output.print(
        f"Temperature {calibration.temperature:.3f}; rejected is what has a score, "
        f"{calibration.reject_score}, below {calibration.reject_threshold:.3f}",
        highlight=False,
    )
    output.print(f"{calibration.note[0].upper()}{calibration.note[1:]}", highlight=False)
    output.print(f"Used from now on: {run / 'calibration.json'}", markup=False, soft_wrap=True)
    output.print(f"Page: {run / 'calibration.html'}", markup=False, soft_wrap=True)
