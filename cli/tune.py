"""`zeroreal tune`: the fastest settings of a model on a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from .console import errors, output
from .progress import StageBars

if TYPE_CHECKING:
    from ..export import ExportProgress
    from ..generate.tuning.tune import Tuned, TuneProgress


def tune(
    model: Annotated[
        str | None,
        typer.Argument(help="A diffusers or exported folder, or a hub id. [default: embedded]"),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            help="auto, torch, torch:compiled, onnxruntime (:cpu, :cuda, :tensorrt) or tensorrt."
        ),
    ] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    attention: Annotated[
        str, typer.Option(help="Of engine torch: auto, xformers, cudnn, flash, sdpa or math.")
    ] = "auto",
    steps: Annotated[
        int | None, typer.Option(help="Denoising steps an image. [default: 12]")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side in pixels of what is generated. [default: the model's]")
    ] = None,
    vae: Annotated[
        str | None,
        typer.Option(help="Another VAE decoder: tiny, or a folder of an AutoencoderTiny."),
    ] = None,
    deep_cache: Annotated[
        bool, typer.Option("--deep-cache", help="For runs with --deep-cache above 1.")
    ] = False,
    memory: Annotated[
        str | None,
        typer.Option(help="What may be taken, such as 16GiB. [default: most of what is free]"),
    ] = None,
    effort: Annotated[
        str, typer.Option(help="full, or short: some seconds, engines without a long build.")
    ] = "full",
    again: Annotated[
        bool, typer.Option("--again", help="Measure again what is remembered.")
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(help="Where tunings are kept. [default: the user's cache]")
    ] = None,
) -> None:
    """Measure engines, settings and batch sizes for a model, and remember the fastest.

    `zeroreal run` with the same options uses what is found.
    """
    from ..base import resolve_device
    from ..base.sizes import parse_size
    from ..engine import Cache
    from ..export import find_model
    from ..generate.generator import DEFAULT_STEPS
    from ..generate.tuning.tune import TuneRequest
    from ..generate.tuning.tune import tune as find_fastest

    request = TuneRequest(
        device=resolve_device(device),
        steps=DEFAULT_STEPS if steps is None else steps,
        engine=engine,
        precision=precision,
        attention=attention,
        image_size=image_size,
        vae=vae,
        deep_cache=deep_cache,
        memory_bytes=None if memory is None else parse_size(memory),
        effort=effort,
    )
    with StageBars() as bars:
        tuned = find_fastest(
            find_model(model), request, Cache(cache), lambda news: _show(news, bars), again=again
        )
    _print_curve(tuned)
    _print_choice(tuned, request.steps)


def _show(news: ExportProgress | TuneProgress, bars: StageBars) -> None:
    from ..export import ExportProgress

    if isinstance(news, ExportProgress):
        bars.show_export(news)
        return
    bars.stop()
    point = news.point
    figures = news.note
    if point is not None:
        figures = (
            f"{point.graph}, batch {point.batch}: {point.seconds * 1e3:.1f} ms, "
            f"{point.images_per_second:.1f} images/s, {point.bytes / 1024**2:.0f} MiB"
        )
    errors.print(f"{news.engine}: {figures}", markup=False, highlight=False, soft_wrap=True)


def _print_curve(tuned: Tuned) -> None:
    table = Table(title="Measured")
    table.add_column("engine")
    table.add_column("graph")
    for column in ("batch", "ms", "images/s", "MiB"):
        table.add_column(column, justify="right")
    for point in tuned.curve:
        table.add_row(
            escape(point.engine),
            point.graph,
            str(point.batch),
            f"{point.seconds * 1e3:.1f}",
            f"{point.images_per_second:.1f}",
            f"{point.bytes / 1024**2:.0f}",
        )
    output.print(table)


def _print_choice(tuned: Tuned, steps: int) -> None:
    graphs = "with" if tuned.cuda_graphs else "without"
    output.print(
        f"Fastest: engine {tuned.engine}, attention {tuned.attention}, {graphs} CUDA graphs, "
        f"batch {tuned.batch_size}, VAE batch {tuned.vae_batch_size}: "
        f"{tuned.images_per_second:.1f} images/s at {steps} steps",
        markup=False,
        soft_wrap=True,
    )
