"""What the page of a result shows, for its template to lay out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...drawing import Drawing
from ...page import moment, page
from ..column import Column
from ..flat import flat
from ..metric import PERCENTILES, Metric
from ..result import BenchmarkResult, Row
from ..table import TextTable, failures, tables
from ..units import number, scale_of
from .bars import bars
from .batches import batch_drawing, batch_drawings
from .energy import energy_drawing
from .families import without_numbered
from .headline import headlines, is_mean, main_metric, words_of
from .percentiles import percentile_drawings
from .roofline import roofline_drawing
from .stages import stage_drawings

_TEMPLATE = Path(__file__).with_name("result.html.j2")
_LONGEST = 400  # letters of a fact, the rest is in the JSON file
_STATISTICS = ("avg", "min", *(f"p{rank:g}" for rank in PERCENTILES), "max", "std")


@dataclass(frozen=True)
class Case:
    """One case of a result: its table and its bars."""

    name: str
    table: TextTable
    numbered: TextTable
    """Of the rows that are one of many, such as each step beside all steps."""
    drawing: Drawing | None


@dataclass(frozen=True)
class Statistics:
    """All statistics of one metric: of each the exact value and its text, None where not known."""

    row: str
    metric: str
    unit: str
    count: int
    variation: str
    cells: tuple[tuple[float, str] | None, ...]


def result_page(result: BenchmarkResult, columns: Sequence[Column] = ()) -> bytes:
    """The page as HTML in UTF-8, with `columns` in its tables.

    Without columns, they are the metrics of the rows.
    """
    columns = columns or _own_columns(result.rows)
    content = {
        "result": result,
        "when": moment(result.date),
        "headlines": headlines(result, columns),
        "machine": _machine(result),
        "cases": list(_cases(result, columns)),
        "drawings": _drawings(result),
        "failures": failures(result),
        "statistic_names": _STATISTICS,
        "statistics": [
            _statistics(row, name, metric)
            for row in result.rows
            for name, metric in row.metrics.items()
        ],
        "facts": _facts(result),
        "settings": _pairs(result.settings),
        "environment": _pairs(result.environment),
    }
    return page(_TEMPLATE, content)


def _pairs(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _words(value)) for name, value in flat(content)]


def _words(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float) for one in value):
        words = ", ".join(map(_words, value)) or "-"
    else:
        words = value if isinstance(value, str) else json.dumps(value)
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def _own_columns(rows: Sequence[Row]) -> tuple[Column, ...]:
    names = dict.fromkeys(name for row in rows for name in row.metrics)
    return tuple(Column(name.replace("_", " "), name, ".4g") for name in names)


def _machine(result: BenchmarkResult) -> list[tuple[str, str]]:
    """What the figures hold for, in a few words each."""
    environment = result.environment
    found = [("device", _words(environment.get("device")))]
    cpu, gpu = environment.get("cpu"), environment.get("gpu")
    if isinstance(cpu, Mapping):
        found.append(("processor", f"{cpu.get('cores')} cores, threads used: {cpu.get('threads')}"))
    if isinstance(gpu, Mapping) and gpu.get("power.limit"):
        found.append(("power limit", f"{gpu['power.limit']} W, driver {gpu.get('driver_version')}"))
    if environment.get("torch"):
        found.append(("PyTorch", _words(environment["torch"])))
    git = environment.get("git")
    if isinstance(git, Mapping):
        state = "" if git.get("clean") else ", with changes"
        found.append(("revision", f"{str(git.get('revision'))[:10]}{state}"))
    processes = {len(m.processes) for row in result.rows for m in row.metrics.values()}
    if processes:
        found.append(("measured by", f"{max(processes)} process{'es' * (max(processes) > 1)}"))
    return found


def _cases(result: BenchmarkResult, columns: Sequence[Column]) -> Iterator[Case]:
    for name, table in tables(result, columns):
        rows = without_numbered([row for row in result.rows if row.case == name])
        names = {row.name for row in rows}
        if table.rows:
            yield Case(
                name,
                TextTable(table.titles, tuple(row for row in table.rows if row[0] in names)),
                TextTable(table.titles, tuple(row for row in table.rows if row[0] not in names)),
                _of_case(rows, columns),
            )


def _of_case(rows: Sequence[Row], columns: Sequence[Column]) -> Drawing | None:
    """Throughput by batch size, where that is what the rows are, and else bars."""
    if (curve := batch_drawing(rows)) is not None:
        return curve
    main = main_metric(rows, columns)
    return None if main is None else bars(words_of(main), rows, main, is_mean(main, columns))


def _drawings(result: BenchmarkResult) -> list[Drawing]:
    """Those for which the result has what they need."""
    single = (roofline_drawing(result), energy_drawing(result))
    return [
        *stage_drawings(result.figures.records),
        *percentile_drawings(result),
        *batch_drawings(result),
        *(drawing for drawing in single if drawing is not None),
    ]


def _statistics(row: Row, name: str, metric: Metric) -> Statistics:
    block = metric.block()
    scale = scale_of(metric.unit, (metric.median,))
    values = [block[statistic] for statistic in _STATISTICS]
    return Statistics(
        row=", ".join(part for part in (row.case, row.name) if part),
        metric=name,
        unit=scale.name,
        count=len(metric.values),
        variation=scale_of("1", ()).figure(metric.variation),
        cells=tuple(None if value is None else (value, scale.number(value)) for value in values),
    )


def _facts(result: BenchmarkResult) -> list[tuple[str, list[tuple[str, str]]]]:
    """Facts of the result, then of each row, by what they are facts of."""
    named = [("all rows", result.figures.facts)]
    named += [(", ".join(part for part in row.key if part), row.facts) for row in result.rows]
    return [(name, _pairs(facts)) for name, facts in named if facts]
