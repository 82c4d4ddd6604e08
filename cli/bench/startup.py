"""`zeroreal bench export` and `load`: what comes before the first image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .show import Result, show_json, tell


def export(
    architecture: Annotated[str, typer.Option(help="Of random weights.")] = "sd15",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or bf16.")] = "fp16",
    target: Annotated[
        str | None, typer.Option(help="Build TensorRT plans as well, for a GPU such as sm_89.")
    ] = None,
    batch: Annotated[str, typer.Option(help="MIN:BEST:MAX batch of the plans.")] = "1:8:16",
    work: Annotated[
        Path | None, typer.Option(help="A folder where some gigabytes have room for a while.")
    ] = None,
    result: Result = None,
) -> None:
    """Time and memory of exporting and building a full-size model."""
    from ...benchmarks.startup.export import ExportBenchSettings, bench_export

    settings = ExportBenchSettings(architecture, precision, target, batch, work, result)
    show_json(bench_export(settings, tell))


def load(
    runs: Annotated[int, typer.Option(help="New processes, each of which loads once.")] = 5,
    result: Result = None,
) -> None:
    """Seconds to load the exported embedded model into ONNX Runtime."""
    from ...benchmarks.startup.load import LoadSettings, bench_load

    show_json(bench_load(LoadSettings(runs, result), tell))
