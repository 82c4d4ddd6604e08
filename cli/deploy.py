"""`zeroreal deploy`: a run's classifier as files for other machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..run.deploy.settings import DeploySettings
from .console import interval, output, percent
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..export.classifier.plans import PlanFigures
    from ..run import Deployment
    from ..run.deploy.figures import FileFigures

_NOT_RUN = "not run here"


@with_options(DeploySettings)
def deploy(
    given: dict[str, Any],
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="The new folder of the files.")],
) -> None:
    """Write a run's classifier as files that take any picture and need no PyTorch.

    Each is run and compared with PyTorch before the folder appears, with a card that says how to
    use it.
    """
    from ..base.settings import build
    from ..run import deploy_run

    with StageBars() as bars:
        deployment = deploy_run(run, out, build(DeploySettings, given), bars.show)
    _print(deployment)


def _print(deployment: Deployment) -> None:
    output.print(_files(deployment))
    output.print(_speeds(deployment))
    if deployment.accuracy is not None:
        output.print(f"PyTorch's accuracy on the same real images: {percent(deployment.accuracy)}")
    for file in deployment.files:
        if file.quantised_share is not None:
            best = file.calibrations[0]
            output.print(
                f"{file.name}: {percent(file.quantised_share)} of convolutions and matrix products "
                f"in 8 bits, ranges by {best.method} on {best.images} "
                f"{deployment.calibration_images} images"
            )
        if file.plan is not None:
            output.print(f"{file.name}: {_of_plan(file.plan)}", markup=False, soft_wrap=True)
    output.print(f"Written: {deployment.folder}", markup=False, soft_wrap=True)


def _files(deployment: Deployment) -> Table:
    table = Table(title="Files against PyTorch")
    table.add_column("file")
    for column in ("size", "same class", "probabilities apart", "accuracy", "95 % interval"):
        table.add_column(column, justify="right")
    for file in deployment.files:
        table.add_row(
            file.name,
            f"{file.bytes / 1e6:.2f} MB",
            *_found(file),
        )
    return table


def _found(file: FileFigures) -> tuple[str, str, str, str]:
    if file.agreement is None:
        return (_NOT_RUN,) * 4
    apart = f"{file.largest_difference:.2g}"
    agreement = f"{100 * file.agreement:.2f} %"
    return agreement, apart, percent(file.accuracy), interval(file.interval)


def _of_plan(plan: PlanFigures) -> str:
    """What is known of a plan without its GPU."""
    sizes = ", ".join(f"{name} {one.smallest}..{one.largest}" for name, one in plan.profile.items())
    return (
        f"{plan.target} by {plan.library}, {sizes}; {_NOT_RUN}: its graph gives PyTorch's class to "
        f"{100 * plan.graph_agreement:.2f} % in ONNX Runtime"
    )


def _speeds(deployment: Deployment) -> Table:
    table = Table(title=f"Speed on {deployment.device}")
    table.add_column("file")
    for column in ("batch", "p50", "p99", "images/s"):
        table.add_column(column, justify="right")
    for file in deployment.files:
        for speed in file.speeds:
            times = (f"{speed.p50_ms:.2f} ms", f"{speed.p99_ms:.2f} ms")
            table.add_row(file.name, str(speed.batch), *times, f"{speed.images_per_second:,.0f}")
    return table
