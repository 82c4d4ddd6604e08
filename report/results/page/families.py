"""Rows that are one of many: `step 1`, `step 2` beside `step`."""

from __future__ import annotations

from collections.abc import Sequence

from ..result import Row


def without_numbered(rows: Sequence[Row]) -> list[Row]:
    """The rows of a case, without those named as another with a number behind."""
    names = {row.name for row in rows}
    return [row for row in rows if not _is_numbered(row.name, names)]


def _is_numbered(name: str, names: set[str]) -> bool:
    before, _, last = name.rpartition(" ")
    return last.isdecimal() and before in names
