"""`zeroreal predict`: single images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..base.printable import printable
from .console import percent


def predict(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    images: Annotated[list[Path], typer.Argument(help="Image files.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Name the class of each image."""
    from ..run import predict_files

    for found in predict_files(run, images, device):
        path, name = printable(found.path), printable(found.class_name)
        typer.echo(f"{path}\t{name}\t{percent(found.probability)}")
