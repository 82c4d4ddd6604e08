"""A result's files: JSON, and beside it its page, its metrics as CSV, its records as JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from ...base import InputError
from ...base.files import check_writable, write_atomically
from ...base.printable import text_cell
from .column import Column
from .page.content import result_page
from .result import BenchmarkResult

_COLUMNS = ("unit", "better", "count", "avg", "min", "max", "std", "cv")
_PERCENTILES = ("p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "p99.9")


def check_result_path(path: Path) -> None:
    """Raise `InputError` unless a result can be written to `path`; makes its folder."""
    if path.suffix != ".json":
        raise InputError(
            f"result file {str(path)!r} does not end in .json: name the JSON file, the others "
            "stand beside it"
        )
    check_can_write(path, "result file")


def check_can_write(path: Path, what: str) -> None:
    """Raise `InputError` unless the file that is called `what` can be written; makes its folder."""
    if path.is_dir():
        raise InputError(f"{what} {str(path)!r} is a folder: give the path of a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_writable(path.parent)
    except OSError as error:
        raise InputError(
            f"{what} {str(path)!r} cannot be written ({error.strerror}): choose another path"
        ) from None


def write_result(path: Path, result: BenchmarkResult, columns: Sequence[Column] = ()) -> None:
    """Write `path` and what stands beside FILE.json.

    That is FILE.csv, the page FILE.html with `columns` in its tables and, where there are such,
    records in FILE.jsonl and a trace for ui.perfetto.dev in FILE.trace.json. Each is written whole
    or not at all.
    """
    text = json.dumps(result.content(), indent=2, allow_nan=False)
    write_atomically(path, (text + "\n").encode())
    write_atomically(path.with_suffix(".csv"), csv_text(result).encode())
    write_atomically(path.with_suffix(".html"), result_page(result, columns))
    lines = (f"{json.dumps(one, allow_nan=False)}\n" for one in result.figures.records)
    _write_or_remove(path.with_suffix(".jsonl"), "".join(lines))
    trace = {"traceEvents": list(result.figures.trace), "displayTimeUnit": "ms"}
    text = json.dumps(trace, allow_nan=False) if result.figures.trace else ""
    _write_or_remove(path.with_suffix(".trace.json"), text)


def csv_text(result: BenchmarkResult) -> str:
    """A line for each metric of each row."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(("benchmark", "case", "name", "metric", *_COLUMNS, *_PERCENTILES))
    for row in result.rows:
        for name, metric in row.metrics.items():
            block = metric.block()
            figures = (block[column] for column in (*_COLUMNS, *_PERCENTILES))
            labels = map(text_cell, (result.benchmark, row.case, row.name, name))
            table.writerow((*labels, *figures))
    return buffer.getvalue()


def _write_or_remove(path: Path, text: str) -> None:
    """Write a text or, where there is none, remove what a result before this one left."""
    if text:
        write_atomically(path, text.encode())
    else:
        path.unlink(missing_ok=True)
