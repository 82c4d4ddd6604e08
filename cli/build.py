"""`zeroreal build`: engines ahead of time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from .console import output
from .progress import StageBars

if TYPE_CHECKING:
    from ..engine import Inspection


def build(
    folder: Annotated[Path, typer.Argument(help="What 'zeroreal export' wrote.")],
    engine: Annotated[str, typer.Option(help="tensorrt.")] = "tensorrt",
    target: Annotated[
        str | None,
        typer.Option(help="The GPU, such as sm_89; it need not be here. [default: the one here]"),
    ] = None,
    batch: Annotated[str, typer.Option(help="Batch sizes to serve, MIN:BEST:MAX.")] = "1:16:32",
    size: Annotated[
        str | None,
        typer.Option(
            help="Sides in pixels to serve, MIN:BEST:MAX, of a model exported for any size."
        ),
    ] = None,
    refittable: Annotated[
        bool,
        typer.Option("--refittable", help="Weights can be exchanged later; needs the GPU."),
    ] = False,
    inspect: Annotated[
        bool,
        typer.Option("--inspect", help="List every layer, its precision, and all attention."),
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(help="Where engines are kept. [default: the user's cache]")
    ] = None,
) -> None:
    """Build an exported model into TensorRT plans, on a machine with or without the GPU.

    The plans lie in the cache, which can be copied to the machine with the GPU.
    """
    from ..engine import Cache
    from ..export import build_plans, check_buildable, parse_range

    check_buildable(engine)
    with StageBars() as bars:
        inspections = build_plans(
            folder,
            target,
            parse_range(batch),
            None if size is None else parse_range(size),
            refittable=refittable,
            cache=Cache(cache),
            on_progress=bars.show_build,
        )
    _print_summary(inspections)
    for inspection in inspections.values():
        _print_attention(inspection)
        if inspection.fp8_nodes:
            count = len(inspection.fp8_nodes)
            output.print(f"{inspection.report.graph}: {count} layers multiply in 8 bits (fp8)")
        if inspect:
            _print_layers(inspection)


def _print_summary(inspections: dict[str, Inspection]) -> None:
    first = next(iter(inspections.values())).report
    table = Table(title=f"Plans for {first.target} by {first.library}")
    for column in ("graph", "sizes", "layers", "precision", "plan", "activations", "built in"):
        table.add_column(column)
    for name, inspection in inspections.items():
        report = inspection.report
        table.add_row(
            name,
            ", ".join(f"{d} {r.smallest}..{r.largest}" for d, r in report.profile.items()),
            str(len(report.layers)),
            ", ".join(f"{precision} {n}" for precision, n in inspection.precisions.items()),
            _megabytes(report.plan_bytes),
            _megabytes(report.activation_bytes),
            f"{report.seconds:.1f} s",
        )
    output.print(table)


def _megabytes(count: int | None) -> str:
    return "not told" if count is None else f"{count / 1e6:,.1f} MB"


def _print_attention(inspection: Inspection) -> None:
    report = inspection.report
    if not report.attention:
        return
    split = [layer for layer in report.attention if not layer.fused]
    whole = len(report.attention) - len(split)
    output.print(f"{report.graph}: {whole} of {len(report.attention)} attention layers are fused")
    for layer in split:
        reason = layer.reason or "TensorRT does not tell"
        output.print(f"  not fused: {layer.name} ({reason})", markup=False, soft_wrap=True)


def _print_layers(inspection: Inspection) -> None:
    table = Table(title=f"Layers of {inspection.report.graph}")
    for column in ("layer", "type", "precision", "shapes"):
        table.add_column(column, overflow="fold")
    for layer in inspection.report.layers:
        shapes = " ".join("x".join(map(str, shape)) for shape in layer.shapes)
        table.add_row(escape(layer.name), layer.type, layer.precision, shapes)
    output.print(table)
