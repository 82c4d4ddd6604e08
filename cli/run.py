"""`zeroreal run`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..base.garbage import uncollected
from ..run.settings import RunSettings
from .console import accuracy_table, errors, output, percent, print_deciding
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..run import RunSummary


@with_options(RunSettings)
def run(
    given: dict[str, Any],
    out: Annotated[
        Path | None, typer.Option(help="The run's new folder.", show_default="runs/TIME-RECIPE")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A YAML file of the form of a run's config.yaml; options win over it."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="A published recipe of training, which file and options win over: fast, method "
            "or timm.",
            rich_help_panel="Training",
        ),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the interrupted run in this folder.")
    ] = None,
) -> None:
    """Generate images of the classes, train a classifier on them, and test it on real images.

    Or train on the images of a dataset (--images).

    With no option: the embedded model's ten garments, tested on real Fashion-MNIST photographs.
    """
    if resume is not None and (given or out or config or preset):
        raise typer.BadParameter("--resume takes its settings from the run: give it alone")
    with uncollected():
        from ..base.ranks import Ranks
        from ..run import RunInterruptedError
        from ..run import resume as resume_run
        from ..run import run as start_run
        from ..run.layers import layered

    with StageBars() as bars:
        try:
            if resume is not None:
                result = resume_run(resume, bars.show)
            else:
                settings, chosen = layered(given, config, preset)
                result = start_run(settings, out, bars.show, keep=chosen)
        except RunInterruptedError as interruption:
            bars.stop()
            errors.print(
                f"{interruption}; continue with: zeroreal run --resume {interruption.folder}",
                markup=False,
                soft_wrap=True,
            )
            raise typer.Exit(130) from None
    if Ranks.current().is_first:
        _print_result(result.folder, result.summary)


def _print_result(folder: Path, summary: RunSummary) -> None:
    if summary.test is not None:
        output.print(accuracy_table(summary.test, summary.baselines))
        if summary.test.deciding is not None:
            print_deciding(summary.test.deciding)
    else:
        output.print("No test data: give real images with --data to measure the accuracy.")
    if (sampled := summary.sampled_features) is not None:
        before = percent(sampled.accuracy_before)
        after = percent(summary.test.accuracy if summary.test else None)
        output.print(
            f"Last layer: trained on with {sampled.per_class} features drawn of each class, "
            f"accuracy {before} before, {after} after",
            soft_wrap=True,
        )
    if (budget := summary.time_budget) is not None:
        output.print(
            f"Time budget {budget.seconds:.0f} s: levers {budget.levers}, "
            f"{budget.expected_images} images expected, {summary.images} made, "
            f"{summary.elapsed_seconds:.0f} s taken"
        )
    if summary.unet is not None:
        output.print(
            f"Images: UNet {summary.unet}, {summary.steps} steps of {summary.scheduler}, "
            f"engine {summary.engine} in {summary.dtype}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if summary.selection is not None:
        output.print(
            f"Selection: {summary.selection.text}", markup=False, highlight=False, soft_wrap=True
        )
    output.print(_cost_table(summary))
    output.print(f"Peak memory {summary.peak_memory_bytes / 1e9:.2f} GB")
    output.print(f"Report: {folder / 'report.html'}", markup=False, soft_wrap=True)


def _cost_table(summary: RunSummary) -> Table:
    """The seconds of each stage, with its speed where something was left to do for this process."""
    table = Table(title="Cost")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    table.add_column("speed", justify="right")
    made = summary.throughput.images_per_second
    trained = summary.throughput.train_images_per_second
    speeds = {
        "denoise": f"{made:.1f} images/s generated" if made else "all images were there",
        "read": f"{made:.0f} images/s read",
        "train": f"{trained:.0f} images/s" if trained else "all passes were there",
    }
    for stage, seconds in summary.seconds.items():
        table.add_row(stage, f"{seconds:.1f}", speeds.get(stage, ""))
    return table
