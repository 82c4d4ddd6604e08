"""Rows of a result as a table: the same columns on a terminal, in Markdown and on the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .column import ABSENT, Column
from .result import BenchmarkResult, Row


@dataclass(frozen=True)
class TextTable:
    """Cells as text; the first column names the rows."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(result: BenchmarkResult, columns: Sequence[Column]) -> tuple[tuple[str, TextTable], ...]:
    """A table for each case, by its name, of the rows that have metrics; empty columns left out."""
    cases = dict.fromkeys(row.case for row in result.rows)
    return tuple(
        (case, _table([row for row in result.rows if row.case == case], columns)) for case in cases
    )


def one_table(result: BenchmarkResult, columns: Sequence[Column]) -> TextTable:
    """All rows that have metrics in one, where there are several cases with theirs before the name.

    Empty columns are left out.
    """
    rows = result.rows
    if len({row.case for row in rows}) > 1:
        rows = tuple(
            replace(row, name=f"{row.case}: {row.name}") if row.case else row for row in rows
        )
    return _table(rows, columns)


def markdown(table: TextTable) -> str:
    """The table as GitHub shows it, figures at the right."""
    head = (table.titles, ("---", *("---:" for _ in table.titles[1:])))
    return "".join(f"| {' | '.join(map(_escaped, line))} |\n" for line in (*head, *table.rows))


def failures(result: BenchmarkResult) -> tuple[str, ...]:
    """A sentence for each row that could not serve."""
    return tuple(
        f"{', '.join(part for part in (row.case, row.name) if part)} failed: {row.reason}"
        for row in result.rows
        if row.reason is not None
    )


def _table(rows: Iterable[Row], columns: Sequence[Column]) -> TextTable:
    shown = [row for row in rows if row.metrics]
    used = [column for column in columns if any(column.text(row) != ABSENT for row in shown)]
    return TextTable(
        ("", *(column.title for column in used)),
        tuple((row.name, *(column.text(row) for column in used)) for row in shown),
    )


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
