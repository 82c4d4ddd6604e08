"""`zeroreal bench all` and `tables`: the documented set, and what the documents show of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import output
from .command import tell

_Clone = Annotated[
    Path, typer.Option(help="The clone of zeroreal whose results and documents are written.")
]
_HERE = Path()


def measure_all(
    real: Annotated[
        Path | None,
        typer.Option(
            help="The folder of Fashion-MNIST's IDX files. [default: without what needs them]"
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="A result file, such as plan-cpu.json; several times for several."),
    ] = None,
    clone: _Clone = _HERE,
) -> None:
    """All that the documents show, on a CPU, and write it there.

    Goes on where it stopped: what is measured with the same settings, code and machine stays.
    """
    from ...benchmarks.documented.measuring import measure_documented

    _show(measure_documented(clone, real=real, only=only or (), tell=tell))


def tables(clone: _Clone = _HERE) -> None:
    """Write tables and figures of the documents anew from the results, without measuring."""
    from ...benchmarks.documented.documents import write_documents

    _show(write_documents(clone))


def _show(written: tuple[Path, ...]) -> None:
    for path in written:
        output.print(f"written: {path}", markup=False, highlight=False, soft_wrap=True)
    if not written:
        output.print("the documents are as the results have them")
