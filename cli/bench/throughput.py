"""`zeroreal bench throughput`: our generator against diffusers."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from ..console import output
from .show import Device, Result, ratio_text, show_doubts, show_failed, tell


def throughput(
    contenders: Annotated[
        list[str] | None,
        typer.Argument(
            help="ours:ENGINE/PRECISION, diffusers/PRECISION or diffusers:compiled/PRECISION; "
            "after that, for ours, /ATTENTION and /graphs; @8 fixes the batch. The first is what "
            "others are compared to. [default: diffusers and ours in fp32]",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A diffusers folder or hub id. [default: embedded]")
    ] = None,
    random_weights: Annotated[
        str | None, typer.Option(help="In place of a model: an architecture, such as sd15.")
    ] = None,
    generate_size: Annotated[
        int | None, typer.Option(help="Side in pixels of generation. [default: the model's own]")
    ] = None,
    steps: Annotated[int, typer.Option(help="Denoising steps.")] = 12,
    scheduler: Annotated[
        str | None, typer.Option(help="A diffusers scheduler. [default: the model's own]")
    ] = None,
    guidance: Annotated[str, typer.Option(help="on (7.5), off, or recipe.")] = "on",
    recipe: Annotated[str, typer.Option(help="Of the prompts.")] = "base",
    images: Annotated[int, typer.Option(help="Images in each round.")] = 256,
    rounds: Annotated[int, typer.Option(help="Rounds.")] = 5,
    device: Device = "auto",
    result: Result = None,
) -> None:
    """Images a second, ours against diffusers.

    All generate the same images, each at its best batch size.
    """
    from ...benchmarks.generation.throughput import bench_throughput
    from ...benchmarks.generation.throughput_settings import DEFAULT_CONTENDERS, ThroughputSettings

    settings = ThroughputSettings(
        contenders=tuple(contenders or DEFAULT_CONTENDERS),
        model=model,
        random_weights=random_weights,
        generate_size=generate_size,
        steps=steps,
        scheduler=scheduler,
        guidance=guidance,
        recipe=recipe,
        images=images,
        rounds=rounds,
        device=device,
        result=result,
    )
    measured = bench_throughput(settings, tell)
    _show(measured)
    show_doubts(measured["doubts"])
    if measured["rounds_done"] < measured["rounds"]:
        raise KeyboardInterrupt


def _show(measured: dict[str, Any]) -> None:
    side, steps = measured["generate_size"], measured["steps"]
    tflop = measured["flop"]["per_image"] / 1e12
    table = Table(
        title=f"{side}x{side} pixels, {steps} steps, {tflop:.3g} TFLOP an image",
        caption=f"ratio: images/s against {measured['baseline']}, median and quartiles of rounds; "
        "ceiling: of multiplying large matrices; GB: at the peak; apart: pixels, mean and most of "
        "255",
        box=box.SIMPLE,
    )
    table.add_column("contender", overflow="fold")
    for column in ("batch", "images/s", "ratio", "ms/step", "TFLOP/s", "ceiling", "GB", "apart"):
        table.add_column(column, justify="right")
    for row in measured["contenders"]:
        if "spread" not in row:
            continue
        table.add_row(
            escape(row["name"]),
            str(row["batch_size"]),
            f"{row['images_per_second']:.3g}",
            ratio_text(row["ratio"]),
            "-" if row["step_ms"] is None else f"{row['step_ms']:.3g}",
            f"{row['tflop_per_second']:.3g}",
            f"{100 * row['share_of_ceiling']:.0f} %",
            f"{(row['device_memory_bytes'] or row['peak_memory_bytes']) / 1e9:.2f}",
            f"{row['mean_difference_of_255']:.2g}, {row['max_difference_of_255']}",
        )
    output.print(table)
    show_failed(measured["contenders"])
