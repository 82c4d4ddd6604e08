"""`zeroreal predict`: images without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..base.printable import printable
from ..run.decide.settings import DecideSettings
from .console import errors, percent
from .options import with_options

_AS_TEXT: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}


@with_options(DecideSettings)
def predict(
    given: dict[str, Any],
    run: Annotated[
        Path,
        typer.Argument(help="The folder of a finished run, or an ONNX or OpenVINO file of one."),
    ],
    images: Annotated[
        list[str],
        typer.Argument(help="Image files, folders of them, or patterns such as 'photos/*.jpg'."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Write a table, .csv or .json, instead of printing.", dir_okay=False),
    ] = None,
    max_image_pixels: Annotated[
        int | None,
        typer.Option(help="Raise the limit on an image's pixels.", min=1),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Name the class of each image; of a calibrated run, say which seem to be none of them.

    Goes on past files that cannot be read; the status is 2 where there were any.
    """
    from ..base.settings import build
    from ..run import predict_files, write_predictions
    from ..run.predict import check_table

    if out is not None:
        check_table(out)
    decide = build(DecideSettings, given)
    predictions = predict_files(run, images, device, max_image_pixels, decide)
    if out is not None:
        write_predictions(out, predictions)
    unread = [found for found in predictions if found.error is not None]
    for found in predictions:
        if out is None and found.class_name is not None:
            path, name = printable(found.path), printable(found.class_name)
            rejected = "\trejected" if found.rejected else ""
            typer.echo(f"{path}\t{name}\t{percent(found.probability)}{rejected}")
    for note in dict.fromkeys(found.decided_by for found in predictions if found.decided_by):
        errors.print(f"Decided otherwise than by the likeliest class: {note}", **_AS_TEXT)
    for found in unread:
        errors.print(found.error, **_AS_TEXT)
    if unread:
        raise typer.Exit(2)
