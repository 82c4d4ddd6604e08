"""`zeroreal evaluate`: a run's or a file's classifier on other real images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..run.decide.settings import EvaluateSettings
from .console import accuracy_table, confidence_table, output, print_deciding
from .options import with_options


@with_options(EvaluateSettings)
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
    out: Annotated[
        Path | None,
        typer.Option(help="Write the figures, .json, or a page, .html, too.", dir_okay=False),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Test the classifier of a run, or of a deployed file, on real images."""
    from ..base.settings import build
    from ..run import evaluate_run
    from ..run.report.evaluation import check_evaluation, write_evaluation

    settings = build(EvaluateSettings, given)
    if out is not None:
        check_evaluation(out)
    figures = evaluate_run(run, data, device, settings.reading, settings.decide)
    if out is not None:
        write_evaluation(out, str(run), figures)
    output.print(accuracy_table(figures))
    if (deciding := figures.deciding) is not None:
        print_deciding(deciding)
    if figures.confidence is not None:
        output.print(confidence_table([figures.confidence]))
