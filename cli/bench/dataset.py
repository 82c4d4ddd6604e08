"""`zeroreal bench dataset`: what writing costs the generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from ..console import output
from .show import Device, Result, show_doubts, show_failed, tell


def dataset(
    cases: Annotated[
        list[str] | None,
        typer.Argument(help="Such as parquet-png, folder-jpg, npy. [default: webdataset-jpg]"),
    ] = None,
    images_per_class: Annotated[int, typer.Option(help="Of ten classes, in a round.")] = 128,
    shard_size: Annotated[int, typer.Option(help="Images in a shard.")] = 256,
    device: Device = "cpu",
    engine: Annotated[str, typer.Option(help="As for `zeroreal generate`.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    batch_size: Annotated[
        int | None, typer.Option(help="Images of a batch. [default: what tuning finds]")
    ] = None,
    steps: Annotated[int, typer.Option(help="Denoising steps.")] = 12,
    rounds: Annotated[int, typer.Option(help="Rounds.")] = 5,
    work: Annotated[Path | None, typer.Option(help="A folder to write into for a while.")] = None,
    result: Result = None,
) -> None:
    """What encoding and writing a dataset costs the generator, against keeping nothing."""
    from ...benchmarks.dataset.bench import DatasetBenchSettings, bench_dataset

    settings = DatasetBenchSettings(
        tuple(cases or DatasetBenchSettings.cases),
        images_per_class,
        shard_size,
        device,
        engine,
        precision,
        batch_size,
        steps,
        rounds,
        work,
        result,
    )
    _show(bench_dataset(settings, tell))


def _show(measured: dict[str, Any]) -> None:
    """Print the costs. Raises `KeyboardInterrupt` where it was interrupted."""
    table = Table(title="Writing beside generation", box=box.SIMPLE)
    table.add_column("sink")
    for column in ("images/s", "costs %", "waited s", "writer's CPU, ms an image"):
        table.add_column(column, justify="right")
    for row in measured["sinks"]:
        if "spread" in row:
            table.add_row(row["name"], f"{row['images_per_second']:.4g}", *_costs(row))
    output.print(table)
    show_failed(measured["sinks"])
    show_doubts(measured["doubts"])
    if measured["interrupted"]:
        raise KeyboardInterrupt


def _costs(row: dict[str, Any]) -> tuple[str, ...]:
    if "cost_percent" not in row:
        return ("-",) * 3
    cost = row["cost_percent"]
    waited, cpu = row["waited_seconds"], row["writer_cpu_seconds_per_image"]
    return (
        f"{cost['median']:.2f} ({cost['quartile_1']:.2f} to {cost['quartile_3']:.2f})",
        f"{max(waited):.2f}",
        f"{1000 * sorted(cpu)[len(cpu) // 2]:.3f}",
    )
