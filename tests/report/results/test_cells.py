"""How a figure is written in a table's cell."""

import pytest

from zeroreal.report.results.column import Column
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import BenchmarkResult, Figures, Row
from zeroreal.report.results.table import one_table


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (12_345.6, ".4g", "12,350"),
        (2388.2, ".4g", "2,388"),
        (999.6, ".4g", "999.6"),
        (999.6, ".3g", "1,000"),
        (1234.0, ".3g", "1,230"),
        (0.00123, ".3g", "0.00123"),
        (0.000041, ".2g", "4.1e-05"),
        (1234.5, ".1f", "1234.5"),
        (64.0, "d", "64"),
        (2700.0, ",.0f", "2,700"),
        (0.256, ".0%", "26%"),
    ],
)
def test_a_number_is_written_out(value, form, text):
    row = Row("one", metrics={"m": Metric((value,), "s")}, facts={"f": value})
    assert Column("title", "m", form).text(row) == text
    assert Column("title", "f", form).text(row) == text


def test_seeds_have_mean_and_standard_deviation():
    column = Column("accuracy, %", "accuracy", ".1f", 100, with_deviation=True)
    row = Row("base", metrics={"accuracy": Metric((0.8, 0.9, 0.7), "1")})
    assert column.text(row) == "80.0 ± 10.0"
    assert column.text(Row("base", metrics={"accuracy": Metric((0.868,), "1")})) == "86.8"


def test_one_table_names_the_cases_where_there_are_several():
    metrics = {"m": Metric((1.0,), "s")}
    rows = Row("a", "first", metrics), Row("b", "second", metrics), Row("c", "", metrics)

    def names(*chosen):
        result = BenchmarkResult("some", "", "", {}, {}, Figures(chosen))
        return [row[0] for row in one_table(result, [Column("m", "m")]).rows]

    assert names(*rows) == ["first: a", "second: b", "c"]
    assert names(rows[0]) == ["a"]
