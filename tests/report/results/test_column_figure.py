"""Columns of other figures than the median."""

import pytest

from zeroreal.report.results.column import Column
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import Row


def row(count):
    return Row("a", metrics={"seconds": Metric(tuple(float(n) for n in range(count)), "s")})


@pytest.mark.parametrize(
    ("figure", "text"), [("p50", "100.0"), ("p99", "198.0"), ("max", "200.0"), ("avg", "100.0")]
)
def test_a_column_shows_the_figure_that_it_names(figure, text):
    assert Column("s", "seconds", ".1f", figure=figure).text(row(201)) == text


def test_a_percentile_of_too_few_values_is_not_shown():
    assert Column("s", "seconds", figure="p99").text(row(99)) == "-"
