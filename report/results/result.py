"""What a benchmark gives: rows of metrics, and what they were measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .metric import Metric, joined

SCHEMA = "zeroreal-benchmark"
VERSION = 1


@dataclass(frozen=True)
class Row:
    """The figures of one contender, stage or setting."""

    name: str
    case: str = ""
    """What was done, where a benchmark does several things."""
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    """By name, such as `images_per_second`."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else is to be known of it, as JSON has it."""
    reason: str | None = None
    """Why it could not serve, or not to the end."""
    is_baseline: bool = False
    """Whether the others of its case are compared to it."""

    @property
    def key(self) -> tuple[str, str]:
        """Case and name, which a result has once."""
        return self.case, self.name


@dataclass(frozen=True)
class Figures:
    """What a benchmark measured, so far or in all."""

    rows: tuple[Row, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What holds for all rows, as JSON has it."""
    reasons: tuple[str, ...] = ()
    """Why the figures are not to be trusted."""
    finished: bool = True
    """Whether all that was asked for was measured."""
    records: tuple[Mapping[str, Any], ...] = ()
    """One for each batch, step or round; they go to a file of their own."""
    trace: tuple[Mapping[str, Any], ...] = ()
    """What happened when, as Chrome's trace events; they go to a file of their own."""


@dataclass(frozen=True)
class BenchmarkResult:
    """The figures of a benchmark with all that says what they hold for."""

    benchmark: str
    command: str
    date: str
    """ISO 8601, when it began."""
    environment: Mapping[str, Any]
    settings: Mapping[str, Any]
    figures: Figures

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of its figures."""
        return self.figures.rows

    @property
    def is_valid(self) -> bool:
        """Whether there is no reason against trusting the figures."""
        return self.figures.finished and not self.figures.reasons

    def row(self, name: str, case: str = "") -> Row:
        """The row of that key; `KeyError` if there is none."""
        return next((row for row in self.rows if row.key == (case, name)), None) or _absent(name)

    def content(self) -> dict[str, Any]:
        """The result as its JSON file has it; docs/results.md describes it."""
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "benchmark": self.benchmark,
            "command": self.command,
            "date": self.date,
            "environment": dict(self.environment),
            "settings": dict(self.settings),
            "finished": self.figures.finished,
            "valid": self.is_valid,
            "reasons": list(self.figures.reasons),
            "facts": dict(self.figures.facts),
            "rows": [_row_content(row) for row in self.rows],
        }


def joined_figures(parts: Sequence[Figures]) -> Figures:
    """What several processes found when each measured the same: all values, the first's facts.

    Rows are matched by case and name; one that a process could not serve keeps that reason.
    """
    rows = []
    for first in parts[0].rows:
        same = [row for part in parts for row in part.rows if row.key == first.key]
        names = [name for name in first.metrics if all(name in row.metrics for row in same)]
        rows.append(
            replace(
                first,
                metrics={name: joined([row.metrics[name] for row in same]) for name in names},
                reason=next((row.reason for row in same if row.reason is not None), None),
            )
        )
    return Figures(
        rows=tuple(rows),
        facts=parts[0].facts,
        reasons=tuple(dict.fromkeys(reason for part in parts for reason in part.reasons)),
        finished=all(part.finished for part in parts),
        records=tuple(
            {"process": number, **record}
            for number, part in enumerate(parts)
            for record in part.records
        ),
        trace=parts[0].trace,
    )


def _row_content(row: Row) -> dict[str, Any]:
    return {
        "case": row.case,
        "name": row.name,
        "baseline": row.is_baseline,
        "reason": row.reason,
        "metrics": {name: metric.block() for name, metric in row.metrics.items()},
        "facts": dict(row.facts),
    }


def _absent(name: str) -> Row:
    raise KeyError(name)
