"""`zeroreal distil`: a few-step UNet of a model, or a LoRA that makes its own one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..base.sizes import size_text
from ..train.distilling.settings import DistilSettings
from .console import errors, output
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..train.distilling.distil import DistilResult


@with_options(DistilSettings)
def distil(
    given: dict[str, Any],
    out: Annotated[Path, typer.Option(help="The new folder of the distilled UNet or LoRA.")],
) -> None:
    """Teach a copy of a model's UNet to take few steps, with guidance inside, for your prompts.

    It learns from the model's own trajectories: no image is needed. The same command goes on where
    it was interrupted. `--unet DIR` uses the result. With `--lora-rank`, a LoRA is trained in place
    of the copy, which takes far less memory and space.
    """
    from ..base.settings import build
    from ..train.distilling.distil import distil as distil_model

    settings = build(DistilSettings, given)
    with StageBars() as bars:
        try:
            result = distil_model(settings, out, bars.show)
        except KeyboardInterrupt:
            bars.stop()
            errors.print(
                f"interrupted: the same command goes on from what is kept in {out / 'work'}",
                markup=False,
                soft_wrap=True,
            )
            raise typer.Exit(130) from None
    _print(result)


def _print(result: DistilResult) -> None:
    table = Table(title="Effect")
    table.add_column("UNet")
    for column in ("steps", "images/s", "times", "mean difference of pixels"):
        table.add_column(column, justify="right")
    slowest = result.effects[0].images_per_second
    for effect in result.effects:
        table.add_row(
            effect.unet,
            str(effect.steps),
            f"{effect.images_per_second:.1f}",
            f"{effect.images_per_second / slowest:.2f}",
            f"{effect.difference:.1f} of 255",
        )
    output.print(table)
    output.print(f"Trained for {result.seconds:.0f} s, to a loss of {result.loss:.4f}")
    output.print(
        f"Memory at its peak: {size_text(result.memory)}; files: {result.weights / 1e6:.2f} MB"
    )
    output.print(f"Use it: --unet {result.folder}", markup=False, soft_wrap=True)
