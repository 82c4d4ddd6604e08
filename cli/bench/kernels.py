"""`zeroreal bench kernels`: our kernels against plain PyTorch."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from ..console import output
from .show import Device, Result, ratio_text, show_doubts, show_failed, tell


def kernels(
    names: Annotated[list[str] | None, typer.Argument(help="[default: all]")] = None,
    rounds: Annotated[int, typer.Option(help="Rounds of each.")] = 7,
    device: Device = "auto",
    result: Result = None,
) -> None:
    """Each kernel against plain PyTorch, eager and compiled."""
    from ...benchmarks.kernels.bench import KernelSettings, bench_kernels
    from ...benchmarks.kernels.cases import KERNELS

    settings = KernelSettings(tuple(names or KERNELS), device, rounds, result)
    measured = bench_kernels(settings, tell)
    _show(measured)
    for row in measured["kernels"]:
        show_doubts([f"{row['kernel']}: {doubt}" for doubt in row["doubts"]])
    if measured["interrupted"]:
        raise KeyboardInterrupt


def _show(measured: dict[str, Any]) -> None:
    bandwidth = measured["copy_bytes_per_second"] / 1e9
    table = Table(title=f"Kernels; copying moves {bandwidth:.3g} GB/s", box=box.SIMPLE)
    for column in ("kernel", "by"):
        table.add_column(column)
    for column in ("time", "GB/s", "of copying", "against eager"):
        table.add_column(column, justify="right")
    for kernel in measured["kernels"]:
        title = f"{kernel['kernel']}, {kernel['shape']}, {kernel['bytes'] / 1e6:.3g} MB"
        for row in kernel["contenders"]:
            if "spread" not in row:
                continue
            table.add_row(
                title,
                row["name"],
                f"{1e6 * row['spread']['median']:.4g} us",
                f"{row['bytes_per_second'] / 1e9:.3g}",
                f"{100 * row['share_of_copy']:.0f} %",
                ratio_text(row.get("ratio")),
            )
            title = ""
    output.print(table)
    for kernel in measured["kernels"]:
        show_failed(kernel["contenders"], f"{kernel['kernel']}, ")
