"""Statistics of a metric, against series whose statistics are known or another library's."""

import math
import random

import numpy as np
import pytest
from scipy import stats

from zeroreal.base import InputError
from zeroreal.report.results.metric import Metric, joined, read_metric


def test_statistics_of_a_series_that_is_known():
    # 1..5: mean and median 3, sample variance 2.5, quartiles are members.
    block = Metric((5.0, 1.0, 4.0, 2.0, 3.0), "s", "lower").block()
    assert block["avg"] == block["p50"] == 3
    assert (block["min"], block["p25"], block["p75"], block["max"]) == (1, 2, 4, 5)
    assert block["std"] == pytest.approx(math.sqrt(2.5))
    assert block["cv"] == pytest.approx(math.sqrt(2.5) / 3)
    assert (block["count"], block["values"], block["processes"]) == (5, [5, 1, 4, 2, 3], [5])


def test_percentiles_are_linear_between_neighbours_as_those_of_scipy():
    draw = random.Random(7)
    values = tuple(draw.lognormvariate(0, 1) for _ in range(1234))
    block = Metric(values, "s").block()
    for rank in (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9):
        expected = stats.scoreatpercentile(values, rank)
        assert block[f"p{rank:g}"] == pytest.approx(expected, rel=1e-12)
    assert block["cv"] == pytest.approx(stats.variation(values, ddof=1))
    assert Metric(values, "s").quartiles == pytest.approx(np.quantile(values, (0.25, 0.75)))


@pytest.mark.parametrize(
    ("count", "known"),
    [
        (1, {"p50"}),
        (4, {"p25", "p50", "p75"}),
        (10, {"p10", "p25", "p50", "p75", "p90"}),
        (99, {"p5", "p10", "p25", "p50", "p75", "p90", "p95"}),
        (100, {"p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"}),
        (999, {"p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"}),
        (1000, {"p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "p99.9"}),
    ],
)
def test_a_percentile_stands_only_where_a_value_lies_beyond(count, known):
    block = Metric(tuple(map(float, range(1, count + 1))), "s").block()
    named = {name for name in block if name[0] == "p" and name != "processes"}
    assert {name for name in named if block[name] is not None} == known
    assert len(named) == 10


def test_a_single_value_has_no_spread():
    metric = Metric((7.0,), "s")
    assert (metric.std, metric.variation, metric.quartiles) == (0, 0, (7, 7))


def test_of_a_mean_of_zero_the_variation_is_none():
    assert Metric((-1.0, 1.0), "1").variation == 0


def test_values_belong_to_the_processes_that_measured_them():
    metric = joined([Metric((1.0, 3.0, 2.0), "s", "lower"), Metric((10.0,), "s", "lower")])
    assert metric == Metric((1.0, 3.0, 2.0, 10.0), "s", "lower", (3, 1))
    assert metric.medians == (2.0, 10.0)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (((), "s"), "a metric has no values: at least one is needed"),
        (((1.0, math.nan), "s"), "a metric has the value nan: finite numbers are needed"),
        (((1.0, 2.0), "s", "lower", (1,)), "processes measured (1,) of 2 values"),
        (((1.0, 2.0), "s", "lower", (2, 0)), "and at least one by each"),
    ],
)
def test_what_is_no_metric_gets_one_sentence(arguments, complaint):
    with pytest.raises(InputError) as error:
        Metric(*arguments)
    assert complaint in str(error.value)


def test_a_block_is_read_back():
    metric = Metric((1.0, 2.0, 4.0), "s", "lower", (1, 2))
    assert read_metric(metric.block(), "here") == metric


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"p50": 10**400}, "has p50 1000"),
        ({"p50": 1.5}, "has p50 1.5 where its values give 2.0: the file was changed"),
        ({"std": None}, "has std None where its values give"),
        ({"count": 4}, "has count 4 where its values give 3"),
        ({"values": [1.0, 2.0, 5.0]}, "where its values give"),
        ({"values": []}, "is no metric (a metric has no values"),
        ({"values": ["fast"]}, "is no metric (could not convert string to float"),
        ({"values": [10**400]}, "is no metric (int too large to convert to float)"),
        ({"better": "faster"}, "has better 'faster': one of higher, lower, neither"),
        ({"processes": [2]}, "is no metric (processes measured (2,) of 3 values"),
    ],
)
def test_a_tampered_block_gets_one_sentence(change, complaint):
    block = Metric((1.0, 2.0, 4.0), "s", "lower").block() | change
    with pytest.raises(InputError) as error:
        read_metric(block, "result 'x.json', row 1, seconds")
    assert str(error.value).startswith("result 'x.json', row 1, seconds ")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_block_without_a_statistic_gets_one_sentence():
    block = Metric((1.0,), "s").block()
    del block["unit"]
    with pytest.raises(InputError, match=r"is no metric \('unit'\): measure it again"):
        read_metric(block, "here")
