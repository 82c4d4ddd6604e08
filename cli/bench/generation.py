"""`zeroreal bench loop` and `trace`: where our generator's time goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .show import Device, Result, show_json, tell


def loop(
    device: Device = "cpu",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    batch_size: Annotated[int, typer.Option(help="Images of a batch.")] = 32,
    steps: Annotated[int, typer.Option(help="Denoising steps.")] = 12,
    batches: Annotated[
        int, typer.Option(help="Batches of the longer run; the shorter has a tenth.")
    ] = 100,
    rounds: Annotated[int, typer.Option(help="Rounds.")] = 5,
    result: Result = None,
) -> None:
    """What the generator's own loop costs, and whether it slows down.

    Its share of a step on a CPU, and images a second of many batches against few.
    """
    from ...benchmarks.generation.loop import LoopSettings, bench_loop

    settings = LoopSettings(device, precision, batch_size, steps, batches, rounds, result)
    show_json(bench_loop(settings, tell))


def trace(
    contender: Annotated[str, typer.Argument(help="Ours with its batch: ours:torch/bf16@32.")],
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
    batches: Annotated[int, typer.Option(help="Batches to trace.")] = 4,
    trace: Annotated[
        Path | None, typer.Option(help="Write the trace itself, for ui.perfetto.dev.")
    ] = None,
    result: Result = None,
) -> None:
    """How long a GPU has nothing to do while our generator runs."""
    from ...benchmarks.generation.trace import TraceSettings, bench_trace

    settings = TraceSettings(
        contender=contender,
        model=model,
        random_weights=random_weights,
        generate_size=generate_size,
        steps=steps,
        scheduler=scheduler,
        guidance=guidance,
        batches=batches,
        trace=trace,
        result=result,
    )
    show_json(bench_trace(settings, tell))
