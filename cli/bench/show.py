"""What the commands of `zeroreal bench` share: options, and how results are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from ..console import errors, output

Result = Annotated[Path | None, typer.Option(help="Write everything measured to this JSON file.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]


def tell(line: str) -> None:
    """Say how far a benchmark is."""
    errors.print(line, style="dim", markup=False, highlight=False)


def show_json(measured: dict[str, Any]) -> None:
    """Print a result as it is in its file."""
    typer.echo(json.dumps(measured, indent=2))


def show_failed(rows: list[dict[str, Any]], of: str = "") -> None:
    """Say which contenders failed, and why."""
    for row in rows:
        if row["reason"] is not None:
            told = f"{of}{row['name']} failed: {row['reason']}"
            output.print(told, markup=False, highlight=False, soft_wrap=True)


def show_doubts(doubts: list[str]) -> None:
    """Say why figures are not to be trusted."""
    for doubt in doubts:
        output.print(f"not to be trusted: {doubt}", markup=False, highlight=False, soft_wrap=True)


def ratio_text(ratio: dict[str, float] | None) -> str:
    """Median and quartiles of the rounds' ratios."""
    if ratio is None:
        return "-"
    return f"{ratio['median']:.2f} ({ratio['quartile_1']:.2f}-{ratio['quartile_3']:.2f})"


def show_rates(measured: dict[str, Any], title: str) -> None:
    """Print rates by case and contender. Raises `KeyboardInterrupt` where it was interrupted."""
    table = Table(title=title, box=box.SIMPLE)
    for column in ("case", "by"):
        table.add_column(column)
    for column in ("images/s", "against the first"):
        table.add_column(column, justify="right")
    for case in measured["cases"]:
        name = case["case"]
        for row in case["contenders"]:
            if "spread" not in row:
                continue
            table.add_row(
                name, row["name"], f"{row['images_per_second']:.4g}", ratio_text(row.get("ratio"))
            )
            name = ""
    output.print(table)
    for case in measured["cases"]:
        show_failed(case["contenders"], f"{case['case']}, ")
        show_doubts([f"{case['case']}: {doubt}" for doubt in case["doubts"]])
    if measured["interrupted"]:
        raise KeyboardInterrupt
