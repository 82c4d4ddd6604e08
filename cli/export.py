"""`zeroreal export`: a model as ONNX graphs."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..base.errors import InputError
from ..base.sides import both_sides, parse_sides
from ..generate.model_settings import PartsSettings
from .console import output
from .options import with_options
from .progress import StageBars

if TYPE_CHECKING:
    from ..export import Exported


_Precision = Annotated[str, typer.Option(help="fp32, fp16, bf16, or fp8, which takes TensorRT.")]
_VaeEncoder = Annotated[
    bool, typer.Option("--vae-encoder", help="Export the VAE encoder, too, for `zeroshot`.")
]


@with_options(PartsSettings, leave_out=("model",))
def export(
    given: dict[str, Any],
    out: Annotated[Path, typer.Option(help="The new folder to export into.")],
    model: Annotated[
        str | None,
        typer.Argument(
            help="A diffusers folder, a .safetensors checkpoint or a hub id. "
            "[default: the embedded model]"
        ),
    ] = None,
    precision: _Precision = "fp32",
    vae_precision: Annotated[
        str,
        typer.Option(help="auto (--precision where the VAE is exact in it), fp32, fp16 or bf16."),
    ] = "auto",
    generate_size: Annotated[
        str | None,
        typer.Option(help="Pixels: 512, 512x768 (height x width), or any. [default: the model's]"),
    ] = None,
    vae_encoder: _VaeEncoder = False,
    unet: Annotated[
        str | None,
        typer.Option(help="few-step, or a folder that `zeroreal distil` made. [default: own]"),
    ] = None,
    random_weights: Annotated[
        str | None,
        typer.Option(
            help="In place of MODEL: an architecture (lcm, sd-turbo, sd15, sd21, sdxl) with random "
            "weights, to measure speed without a download."
        ),
    ] = None,
) -> None:
    """Export a model's text encoders, denoising step and VAE decoder to ONNX, and check them.

    Each graph is run in ONNX Runtime and compared to PyTorch in float32 before the folder appears.
    """
    from ..base.settings import build
    from ..export import ExportSettings, export_model, random_model
    from ..generate.facts import parts_of
    from ..generate.own_trajectories import record_own_steps

    if model is not None and random_weights is not None:
        raise typer.BadParameter("give a model or --random-weights, not both")
    size, any_size = _size(generate_size)
    settings = ExportSettings(
        precision=precision,
        vae_precision=vae_precision,
        generate_size=size,
        any_size=any_size,
        encodes=vae_encoder,
        parts=parts_of(build(PartsSettings, given), unet),
    )
    with (
        StageBars() as bars,
        random_model(random_weights) if random_weights else nullcontext(model) as source,
    ):
        exported = export_model(source, out, settings, bars.show_export, record_own_steps)
    _print(exported)


def _size(text: str | None) -> tuple[tuple[int, int] | None, bool]:
    if text is None or text == "any":
        return None, text == "any"
    try:
        return both_sides(parse_sides(text)), False
    except InputError as error:
        raise InputError(f"{error}, or any") from None


def _print(exported: Exported) -> None:
    table = Table(title=f"Exported from {exported.source['model']}")
    for column in ("graph", "precision", "weights", "worst error against PyTorch"):
        table.add_column(column)
    for name, graph in exported.graphs.items():
        worst = max(graph.errors, key=lambda error: error.relative)
        table.add_row(
            name,
            graph.precision_name,
            f"{graph.weight_bytes / 1e6:,.0f} MB",
            f"{worst.relative:.1e} of the largest value ({worst.output}, {worst.case})",
        )
    output.print(table)
    for graph in exported.graphs.values():
        for note in graph.notes:
            output.print(note, markup=False, soft_wrap=True)
        if graph.fp8 is not None:
            output.print(graph.fp8.summary(), markup=False, soft_wrap=True)
    output.print(f"Written: {exported.folder}", markup=False, soft_wrap=True)
