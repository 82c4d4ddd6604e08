"""A column of a result's table, whatever the table is shown on; needs no library to be named."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .metric import Metric
    from .result import Row

ABSENT = "-"


@dataclass(frozen=True)
class Column:
    """One column: the median or another figure of a metric, or a fact, of each row."""

    title: str
    """Short, with the unit: a table has 80 characters."""
    key: str
    """The metric's name or, where a row has no such metric, the fact's."""
    form: str = ".3g"
    """How a number is written, as `format` takes it."""
    scale: float = 1.0
    """What a number is multiplied by: 1e3 for ms of a metric in s."""
    with_quartiles: bool = False
    """Whether the quartiles follow in parentheses, for values of several rounds."""
    figure: str = "p50"
    """Which figure of the metric's block; a percentile needs enough values."""

    def text(self, row: Row) -> str:
        """The cell of `row`."""
        metric, fact = row.metrics.get(self.key), row.facts.get(self.key)
        if metric is not None:
            return self._of_metric(metric)
        if isinstance(fact, int | float) and not isinstance(fact, bool):
            return format(self.scale * fact, self.form)
        return ABSENT if fact is None else str(fact)

    def _of_metric(self, metric: Metric) -> str:
        figure = metric.block()[self.figure]
        if figure is None:
            return ABSENT
        middle = format(self.scale * figure, self.form)
        if not self.with_quartiles or len(metric.values) < 2:
            return middle
        low, _, high = statistics.quantiles(metric.values, n=4, method="inclusive")
        return f"{middle} ({self.scale * low:{self.form}}-{self.scale * high:{self.form}})"
