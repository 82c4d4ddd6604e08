"""`zeroreal generate`: datasets in bulk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..base.garbage import uncollected
from ..generate.dataset.config.settings import DatasetSettings
from .console import errors, output
from .options import with_options
from .pictures import PictureRow
from .progress import StageBars

if TYPE_CHECKING:
    from ..generate.dataset.job import DatasetResult
    from ..generate.dataset.preview import Preview

_MACHINES = "Many machines"
_WORTH_SAYING = 0.03  # of the time


@with_options(DatasetSettings)
def generate(
    given: dict[str, Any],
    out: Annotated[str, typer.Option(help="A folder, or a URL such as s3://bucket/name.")],
    config: Annotated[
        Path | None,
        typer.Option(help="A YAML file of these settings, or a dataset's; options win over it."),
    ] = None,
    extend: Annotated[
        int, typer.Option(help="Add so many images of each class to the dataset that is there.")
    ] = 0,
    preview: Annotated[
        int | None,
        typer.Option(
            help="Only show so many images of each class, and what all will take.",
            show_default="off",
        ),
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            help="local; env: one of many workers that torchrun, SLURM or Kubernetes started; ray.",
            rich_help_panel=_MACHINES,
        ),
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of the Ray cluster.", rich_help_panel=_MACHINES)
    ] = None,
) -> None:
    """Write a dataset of generated images: tar shards, Parquet, class folders or arrays.

    The same command goes on where it was interrupted; several at once share the work.
    """
    with uncollected():
        from ..base.settings import build
        from ..generate.dataset.joining import layered
        from ..generate.dataset.making import DatasetInterruptedError, Executor, generate_dataset
        from ..generate.dataset.preview import preview_dataset
        from ..generate.dataset.store.places import open_store

    store = open_store(out)
    settings = build(DatasetSettings, layered(store, given, config))
    workers = Executor(executor, address)
    with StageBars() as bars:
        try:
            if preview is not None:
                shown = preview_dataset(settings, store, preview, on_progress=bars.show)
                bars.stop()
                _print_preview(shown)
                return
            result = generate_dataset(
                settings, store, extend=extend, executor=workers, on_progress=bars.show
            )
        except DatasetInterruptedError as interruption:
            bars.stop()
            errors.print(f"{interruption}; the same command goes on", markup=False, soft_wrap=True)
            raise typer.Exit(130) from None
    _print_result(result)


def _print_result(result: DatasetResult) -> None:
    # No speed is known where all came in one batch.
    speed = f", at {result.images_per_second:.1f} images/s" if result.images_per_second else ""
    lines = [
        f"{result.images} of {result.total} images in {result.url}; {result.made} shards made now"
        f"{speed}"
    ]
    if result.rejected:
        lines.append(f"Images made again: {result.rejected}")
    if result.waited > _WORTH_SAYING * result.seconds:
        lines.append(
            f"Writing was slower than generating, which waited for it for {result.waited:.0f} of "
            f"{result.seconds:.0f} s: write to a faster place, or choose jpg"
        )
    if not result.is_complete:
        lines.append("Shards that were there are gone: the same command makes them again")
    for line in lines:
        output.print(line, markup=False, soft_wrap=True)
    if not result.is_complete:
        raise typer.Exit(1)


def _print_preview(preview: Preview) -> None:
    for name, tiles in preview.by_class().items():
        output.print(name, style="bold", markup=False)
        output.print(PictureRow([tile.image for tile in tiles]))
        for tile in tiles:
            output.print(f"  {tile.prompt} (guidance {tile.guidance:.3g})", markup=False)
    for name, value in preview.facts().items():
        output.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)
    output.print(preview.licence.summary, markup=False, soft_wrap=True)
    output.print(f"Page: {preview.page}", markup=False, soft_wrap=True)
