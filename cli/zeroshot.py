"""`zeroreal zeroshot`: real images without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..run.zeroshot.settings import ZeroshotSettings
from .console import accuracy_table, errors, output
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..run.zeroshot.result import ZeroshotResult


@with_options(ZeroshotSettings, leave_out={"vae"})
def zeroshot(
    given: dict[str, Any],
    out: Annotated[
        Path | None,
        typer.Option(help="Write figures, and what led to each image's class, to a JSON file."),
    ] = None,
) -> None:
    """Classify labelled real images without training, by the diffusion model itself or an encoder.

    Ctrl-C ends it with the figures of the images that are classified by then.
    """
    from ..base.settings import build
    from ..run.zeroshot.result import check_out
    from ..run.zeroshot.start import run_zeroshot

    settings = build(ZeroshotSettings, given)
    if out is not None:
        check_out(out)
    with StageBars() as bars:
        result = run_zeroshot(settings, bars.show)
    if out is not None:
        result.write(out)
    _print(result)
    if result.images < result.planned:
        errors.print(f"interrupted after {result.images} of {result.planned} images")
        raise typer.Exit(130)


def _print(result: ZeroshotResult) -> None:
    output.print(accuracy_table(result.test))
    output.print(result.sentence, markup=False, highlight=False, soft_wrap=True)
