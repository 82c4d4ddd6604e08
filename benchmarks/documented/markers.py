"""Figures of results in a document's text, between markers that say which.

    <!-- figures: FILE columns=images/s,ratio [case=CASE] [rows="A;B"] -->a table<!-- end -->
    <!-- figure: FILE column=accuracy [case=CASE] [row=ROW] [against=ROW] -->79.3<!-- end -->
    <!-- measured: FILE -->when, and on what<!-- end -->
    <!-- value: FILE at=seconds.train [form=.0f] [scale=1] -->a value of any JSON file<!-- end -->

A figure without a row is a fact of the whole result; `against` divides it by another row's, round
by round.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...base import InputError, unknown
from ...report.results.column import ABSENT, Column
from ...report.results.metric import Metric
from ...report.results.reading import read_result
from ...report.results.result import BenchmarkResult, Row
from ...report.results.table import markdown, one_table
from .columns import COLUMNS

_MARKER = re.compile(r"<!-- (figures|figure|measured|value): (.*?) -->(.*?)<!-- end -->", re.DOTALL)
_BEGIN = re.compile(r"<!-- (figures|figure|measured|value):")
_UNMEASURED = "not measured yet"
_WORDS = {
    "figures": ("columns", "case", "rows"),
    "figure": ("column", "case", "row", "against"),
    "measured": (),
    "value": ("at", "form", "scale"),
}


def rendered(text: str, results: Path) -> str:
    """`text` with what stands between its markers written anew from the files in `results`.

    A file that does not exist is said to be not measured yet. Raises `InputError` for a marker that
    names what there is not, and for a file that is no result.
    """
    if len(_BEGIN.findall(text)) != len(_MARKER.findall(text)):
        raise InputError("a marker has no <!-- end --> before the next or the text's end: add it")
    return _MARKER.sub(partial(_between, results=results), text)


def files(text: str) -> Iterator[str]:
    """The result files that the markers of `text` name."""
    for _, words, _ in _MARKER.findall(text):
        yield shlex.split(words)[0]


def _between(found: re.Match[str], results: Path) -> str:
    kind, text, _ = found.groups()
    marker = f"<!-- {kind}: {text} -->"
    file, *pairs = shlex.split(text)
    words = dict(pair.partition("=")[::2] for pair in pairs)
    for name in words:
        if name not in _WORDS[kind]:
            raise InputError(f"marker {marker} has {name!r}: known are {', '.join(_WORDS[kind])}")
    path = results / file
    new = _UNMEASURED
    if path.exists() and kind == "value":
        new = _value(path, words, marker)
    elif path.exists():
        result = read_result(path)
        if any(row.metrics for row in result.rows):
            new = _WRITE[kind](result, words, marker)
    if kind == "figures":
        new = f"\n\n{new.strip()}\n\n"
    return f"{marker}{new}<!-- end -->"


def _table(result: BenchmarkResult, words: dict[str, str], marker: str) -> str:
    rows = result.rows
    if "case" in words:
        rows = tuple(row for row in rows if row.case == words["case"])
    if "rows" in words:
        rows = tuple(_row(rows, name, marker) for name in words["rows"].split(";"))
    shown = replace(result, figures=replace(result.figures, rows=rows))
    columns = [_column(name) for name in words.get("columns", "").split(",")]
    text = markdown(one_table(shown, columns))
    if text.count("\n") < 3:
        raise InputError(f"marker {marker} chooses no row that has figures: name another case")
    return f"{text}\n{_doubt(result)}"


def _doubt(result: BenchmarkResult) -> str:
    """The first reason against a result, and how many others there are; nothing if none."""
    reasons = list(result.figures.reasons)
    if not result.figures.finished:
        reasons.insert(0, "the measurement was not finished")
    if not reasons:
        return ""
    more = f" ({len(reasons) - 1} more in the file)" if len(reasons) > 1 else ""
    return f"*With care: {reasons[0]}{more}.*"


def _figure(result: BenchmarkResult, words: dict[str, str], marker: str) -> str:
    column = _column(words.get("column", ""))
    row = Row("", facts=result.figures.facts)
    if "row" in words:
        rows = [one for one in result.rows if one.case == words.get("case", "")]
        row = _row(rows, words["row"], marker)
        if "against" in words:
            row = _divided(row, _row(rows, words["against"], marker), column)
    text = column.text(row)
    if text == ABSENT:
        raise InputError(f"marker {marker} names a figure that is not there: choose another column")
    return text


def _divided(row: Row, other: Row, column: Column) -> Row:
    """`row` with the column's metric divided by the other row's, as a ratio of each round."""
    own, theirs = row.metrics.get(column.key), other.metrics.get(column.key)
    if own is None or theirs is None:
        return Row(row.name)
    each = tuple(mine / their for mine, their in zip(own.values, theirs.values, strict=False))
    return Row(row.name, metrics={column.key: Metric(each, "x")})


def _measured(result: BenchmarkResult, words: dict[str, str], marker: str) -> str:
    about = result.environment
    return f"{result.date[:10]}, {about.get('device')}, torch {about.get('torch')}"


def _value(path: Path, words: dict[str, str], marker: str) -> str:
    value = json.loads(path.read_text(encoding="utf-8"))
    for name in words.get("at", "").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, int | float):
        raise InputError(f"marker {marker} names no number of {str(path)!r}: see what the file has")
    return format(float(words.get("scale", "1")) * value, words.get("form", ".3g"))


def _column(name: str) -> Column:
    if name not in COLUMNS:
        raise unknown("column of a marker", name, COLUMNS)
    return COLUMNS[name]


def _row(rows: tuple[Row, ...] | list[Row], name: str, marker: str) -> Row:
    for row in rows:
        if row.name == name:
            return row
    raise InputError(
        f"marker {marker} names the row {name!r}: there are {', '.join(row.name for row in rows)}"
    )


_WRITE = {"figures": _table, "figure": _figure, "measured": _measured}
