"""`zeroreal evaluate`: a run's or a file's classifier on other real images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..data.settings import ReadSettings
from .console import accuracy_table, confidence_table, output
from .options import with_options


@with_options(ReadSettings)
def evaluate(
    given: dict[str, Any],
    run: Annotated[
        Path, typer.Argument(help="The folder of a finished run, or a file of zeroreal deploy.")
    ],
    data: Annotated[
        str,
        typer.Option(
            help="Real images: a folder with a sub-folder a class, a Parquet file, WebDataset "
            "shards, or 'fashion-mnist'."
        ),
    ],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Test the classifier of a run, or of a deployed file, on real images."""
    from ..base.settings import build
    from ..run import evaluate_run

    figures = evaluate_run(run, data, device, build(ReadSettings, given))
    output.print(accuracy_table(figures))
    if figures.confidence is not None:
        output.print(confidence_table([figures.confidence]))
