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
    with_deviation: bool = False
    """Whether it is the mean, and the standard deviation follows after ±, for values of seeds."""
    figure: str = "p50"
    """Which figure of the metric's block; a percentile needs enough values."""

    def text(self, row: Row) -> str:
        """The cell of `row`."""
        metric, fact = row.metrics.get(self.key), row.facts.get(self.key)
        if metric is not None:
            return self._of_metric(metric)
        if isinstance(fact, int | float) and not isinstance(fact, bool):
            return self._number(fact)
        return ABSENT if fact is None else str(fact)

    def _of_metric(self, metric: Metric) -> str:
        if self.with_deviation:
            return self._of_seeds(metric)
        figure = metric.block()[self.figure]
        if figure is None:
            return ABSENT
        middle = self._number(figure)
        if not self.with_quartiles or len(metric.values) < 2:
            return middle
        low, _, high = statistics.quantiles(metric.values, n=4, method="inclusive")
        return f"{middle} ({self._number(low)}-{self._number(high)})"

    def _of_seeds(self, metric: Metric) -> str:
        mean = self._number(statistics.fmean(metric.values))
        return mean if len(metric.values) < 2 else f"{mean} ± {self._number(metric.std)}"

    def _number(self, value: float) -> str:
        number = self.scale * value
        text = format(round(number) if self.form.endswith("d") else number, self.form)
        is_whole = self.form.endswith("g") and "." not in text
        if "e+" in text or (is_whole and abs(number) >= 1000):
            return f"{float(text):,.0f}"  # 12,350 rather than 1.235e+04
        return text
