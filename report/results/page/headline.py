"""The two or three figures that a result is about."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..column import Column
from ..result import BenchmarkResult, Row
from ..units import figure, scale_of

RATIO = "ratio"
_MOST = 3


@dataclass(frozen=True)
class Headline:
    """One figure in large letters."""

    label: str
    number: str
    unit: str
    detail: str


def main_metric(rows: Sequence[Row], columns: Sequence[Column]) -> str | None:
    """What a benchmark measures in the first place: the first column that is a metric of a row."""
    keys = [column.key for column in columns] + [name for row in rows for name in row.metrics]
    there = {name for row in rows for name in row.metrics} - {RATIO}
    return next((key for key in keys if key in there), None)


def is_mean(name: str, columns: Sequence[Column]) -> bool:
    """Whether the tables show a metric's mean, as they do of several seeds, and not its median."""
    return any(column.key == name and column.with_deviation for column in columns)


def headlines(result: BenchmarkResult, columns: Sequence[Column]) -> list[Headline]:
    """Those figures.

    Where contenders are compared with a baseline, of the best of each case or, of many cases, the
    first contender's mean ratio and its extremes, so that no case is picked for its figure. Else of
    the rows of the first case, where they are few, or of the largest, which is the whole where the
    others are its parts.
    """
    main = main_metric(result.rows, columns)
    if main is None:
        return []
    cases = dict.fromkeys(row.case for row in result.rows if main in row.metrics)
    leaders = [leader for case in cases if (leader := _leader(result.rows, case, main)) is not None]
    if len(leaders) > _MOST:
        return _of_many(result.rows)
    if len(leaders) > 1:
        return [_of_case(row, main, result.rows) for row in leaders]
    if leaders:
        best = leaders[0]
        return [_of_case(best, main, result.rows), *_further(best, main, columns)]
    case, mean = next(iter(cases)), is_mean(main, columns)
    rows = [row for row in result.rows if row.case == case and main in row.metrics]
    if 1 < len(rows) <= _MOST:
        return [_of_row(row, main, mean) for row in rows]
    whole = max(rows, key=lambda row: row.metrics[main].median)
    return [_of_row(whole, main, mean), *_further(whole, main, columns)]


def _leader(rows: Sequence[Row], case: str, main: str) -> Row | None:
    """The best of those compared with a baseline; None where there is no baseline."""
    able = [row for row in rows if row.case == case and main in row.metrics]
    if not any(row.is_baseline for row in able):
        return None
    compared = [row for row in able if not row.is_baseline] or able
    sign = -1 if compared[0].metrics[main].better == "lower" else 1
    return max(compared, key=lambda row: sign * row.metrics[main].median)


def _of_case(row: Row, main: str, rows: Sequence[Row]) -> Headline:
    headline = _of_row(row, main)
    ratio = row.metrics.get(RATIO)
    baseline = next((one.name for one in rows if one.case == row.case and one.is_baseline), None)
    if ratio is None or row.is_baseline or baseline is None:
        return headline
    compared = f"{figure(ratio.median, 'x')} the speed of {baseline}"
    return replace(headline, detail=f"{headline.detail}, {compared}")


def _of_row(row: Row, main: str, mean: bool = False) -> Headline:
    metric = row.metrics[main]
    where = ", ".join(part for part in (row.name, row.case) if part)
    value = statistics.fmean(metric.values) if mean else metric.median
    return _headline(words_of(main), value, metric.unit, where)


def _further(row: Row, main: str, columns: Sequence[Column]) -> list[Headline]:
    """The 99th percentile of its latency, where it is known, and its next columns."""
    found, first = [], row.metrics[main]
    tail = first.percentiles[99] if first.unit == "s" else None
    if tail is not None:
        told = f"99 % of {len(first.values)} values are below"
        found.append(_headline(f"{words_of(main)}, p99", tail, first.unit, told))
    for key in dict.fromkeys(column.key for column in columns):
        metric = row.metrics.get(key)
        if metric is None or key in (main, RATIO):
            continue
        mean = is_mean(key, columns)
        told = f"{'mean' if mean else 'median'} of {len(metric.values)}"
        value = statistics.fmean(metric.values) if mean else metric.median
        found.append(_headline(words_of(key), value, metric.unit, told))
    return found[: _MOST - 1]


def _of_many(rows: Sequence[Row]) -> list[Headline]:
    """Ratios of the first contender in many cases: geometric mean, the least and the greatest."""
    compared = [row for row in rows if RATIO in row.metrics and not row.is_baseline]
    if not compared:
        return []
    first = compared[0].name
    own = [row for row in compared if row.name == first]
    own.sort(key=lambda row: row.metrics[RATIO].median)
    mean = statistics.geometric_mean([row.metrics[RATIO].median for row in own])
    told = f"{first}, geometric mean of {len(own)} cases"
    return [
        _headline("times the baseline's speed", mean, "x", told),
        *(
            _headline(label, row.metrics[RATIO].median, "x", f"{row.name}, {row.case}")
            for label, row in (("least", own[0]), ("greatest", own[-1]))
        ),
    ]


def _headline(label: str, value: float, unit: str, detail: str) -> Headline:
    scale = scale_of(unit, (value,))
    return Headline(label, scale.number(value), scale.name, detail)


def words_of(name: str) -> str:
    """A metric's name in words, without the unit that stands with its figures."""
    if name == "seconds":
        return "time"
    return name.removesuffix("_bytes").replace("_", " ").replace(" per ", " a ")
