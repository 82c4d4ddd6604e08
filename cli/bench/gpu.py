"""`zeroreal bench gpu`: all that takes a GPU, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from ...base.settings import build
from ...benchmarks.gpu.settings import GpuSettings
from ..console import output
from ..options import with_options
from .command import tell

if TYPE_CHECKING:
    from ...benchmarks.documented.working import Outcome


@with_options(GpuSettings)
def gpu(given: dict[str, Any]) -> None:
    """All that takes a GPU, in parts that each end within minutes; those that are done are skipped.

    The tests marked gpu, then benchmarks by what they are worth. Give the command again to go on.
    """
    from ...benchmarks.gpu.work import work_through_gpu

    outcomes = work_through_gpu(build(GpuSettings, given), tell)
    _show(outcomes)
    states = {outcome.state for outcome in outcomes}
    if "interrupted" in states:
        raise KeyboardInterrupt
    if "failed" in states:
        raise typer.Exit(1)


def _show(outcomes: Sequence[Outcome]) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("part")
    table.add_column("min", justify="right")
    table.add_column("")
    for outcome in outcomes:
        taken = f"{outcome.minutes:.1f}" if outcome.minutes else ""
        reason = outcome.work.path.name if outcome.state == "done" else outcome.reason
        table.add_row(outcome.work.name, taken, escape(f"{outcome.state}: {reason}"))
    output.print(table)
