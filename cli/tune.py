"""`zeroreal tune`: the fastest settings of a model on a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ..generate.settings import GenerateSettings
from .console import errors, output
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..export import ExportProgress
    from ..generate.tuning.tune import Tuned, TuneProgress


@with_options(GenerateSettings, leave_out=("tune", "image_size"))
def tune(
    given: dict[str, Any],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    guided: Annotated[
        bool, typer.Option(help="For images with guidance, as most recipes make them.")
    ] = True,
    effort: Annotated[
        str, typer.Option(help="full; short: some seconds, engines without a long build; or brief.")
    ] = "full",
    again: Annotated[
        bool, typer.Option("--again", help="Measure again what is remembered.")
    ] = False,
    cache: Annotated[
        Path | None,
        typer.Option(help="Where tunings are kept.", show_default="the user's cache"),
    ] = None,
) -> None:
    """Measure engines, settings and batch sizes for a model, and remember the fastest.

    `zeroreal run` with the same options uses what is found.
    """
    from ..base import resolve_device
    from ..base.settings import build
    from ..engine import Cache
    from ..export import find_model
    from ..generate import TuneRequest
    from ..generate import tune as find_fastest
    from ..generate.suited import suited

    settings = build(GenerateSettings, given)
    folder = find_model(settings.model, settings.variant)
    request = TuneRequest(resolve_device(device), settings, guided, effort)
    with StageBars() as bars:
        tuned = find_fastest(
            folder, request, Cache(cache), lambda news: _show(news, bars), again=again
        )
    _print_curve(tuned)
    _print_choice(tuned, suited(folder, settings).steps or 0)


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
