"""The page of a robustness report, and its JSON file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ....base.files import write_atomically
from ....report.page import data_uri, page
from ....report.pictures import enlarged, png_bytes, sample_grid
from ..asking import ProbeImages
from ..changes.conditions import CORRUPTION, MARK, Condition
from .figures import ProbeReport

FIGURES, PAGE = "probe.json", "probe.html"

_TEMPLATE = Path(__file__).with_name("probe.html.j2")
_MARKED = 8  # pictures of each mark


def write_report(
    folder: Path, report: ProbeReport, found: ProbeImages, conditions: Sequence[Condition]
) -> None:
    """Write page and JSON file into `folder`; `found` are the images that the report is on."""
    content = {"report": report, **_pictures(report, found, conditions)}
    write_atomically(folder / PAGE, page(_TEMPLATE, content))
    write_atomically(folder / FIGURES, report.text().encode())


def _pictures(
    report: ProbeReport, found: ProbeImages, conditions: Sequence[Condition]
) -> Mapping[str, Any]:
    corrupted = [one for one in conditions if one.kind == CORRUPTION]
    marks = [one for one in conditions if one.kind == MARK]
    return {
        "corrupted": _grid(_rows(found, corrupted, 1), [row.name for row in report.corruptions]),
        "marked": _grid(_rows(found, marks, _MARKED), [mark.name for mark in report.marks]),
        "pairs": _grid(
            [found.images[list(pair.examples)] for pair in report.pairs],
            [f"{pair.true} → {pair.predicted}" for pair in report.pairs],
        ),
        "near": [
            (one, data_uri(png_bytes(enlarged(found.images[one.place])))) for one in report.near
        ],
    }


def _rows(found: ProbeImages, conditions: Sequence[Condition], count: int) -> list[Tensor]:
    """The first `count` images under each condition; those of one name in a row."""
    images, numbers = found.images[:count], found.numbers[:count]
    rows: dict[str, list[Tensor]] = {}
    for one in conditions:
        rows.setdefault(one.name, []).append(one.apply(images, numbers))
    return [torch.cat(parts) for parts in rows.values()]


def _grid(rows: Sequence[Tensor], names: Sequence[str]) -> str | None:
    """Images in rows with names, as an address that holds the picture; None without any."""
    if not rows:
        return None
    labels = torch.cat([torch.full((len(row),), number) for number, row in enumerate(rows)])
    most = max(len(row) for row in rows)
    return data_uri(png_bytes(sample_grid(torch.cat(list(rows)), labels, names, most)))
