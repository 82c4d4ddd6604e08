"""`zeroreal generate`: datasets in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..generate.dataset.settings import DatasetSettings
from .console import errors, output
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..generate.dataset.making import DatasetResult


@with_options(DatasetSettings)
def generate(
    given: dict[str, Any],
    out: Annotated[
        str,
        typer.Option(help="The dataset's folder, or a URL such as s3://bucket/name.", prompt=False),
    ],
    extend: Annotated[
        int, typer.Option(help="Add so many images of each class to the dataset that is there.")
    ] = 0,
    executor: Annotated[
        str,
        typer.Option(
            help="local; env: one of many workers, by RANK, SLURM or an index of Kubernetes; or "
            "ray.",
            rich_help_panel="Many machines",
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="Of the Ray cluster.", rich_help_panel="Many machines"),
    ] = None,
    preview: Annotated[
        int | None,
        typer.Option(help="Only show so many images of each class, and what all would take."),
    ] = None,
) -> None:
    """Write a dataset of generated images: WebDataset shards, Parquet, folders or arrays.

    The same command again goes on where it was interrupted. Several at once share the work.
    """
    if preview is not None:
        from .preview import show_preview

        show_preview(given, out, preview)
        return
    from ..generate.dataset.making import DatasetInterruptedError, generate_dataset

    with StageBars() as bars:
        try:
            result = generate_dataset(
                given,
                out,
                extend=extend,
                executor=executor,
                address=address,
                on_progress=bars.show,
            )
        except DatasetInterruptedError as interruption:
            bars.stop()
            errors.print(f"{interruption}; the same command goes on", markup=False, soft_wrap=True)
            raise typer.Exit(130) from None
    _print_result(result)


def _print_result(result: DatasetResult) -> None:
    output.print(
        f"{result.images} of {result.total} images in {result.url}: {result.made} shards made now "
        f"at {result.images_per_second:.1f} images/s",
        markup=False,
        soft_wrap=True,
    )
    if result.waited > 0.03 * result.seconds:
        output.print(
            f"Writing was slower than generating, which waited for it for {result.waited:.0f} of "
            f"{result.seconds:.0f} s: give a faster place, or jpg in place of png or webp",
            soft_wrap=True,
        )
    if rejected := result.rejected:
        output.print(f"Made again: {rejected}", markup=False, soft_wrap=True)
