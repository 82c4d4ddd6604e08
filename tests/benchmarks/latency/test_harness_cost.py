"""What looking costs, from seconds made by hand."""

import pytest

from zeroreal.benchmarks.latency.harness_cost import harness_cost, median_interval


def test_the_cost_is_the_median_of_pairs_beside_each_other():
    # The machine is slower in the second half, for both.
    cost = harness_cost([1.01, 1.02, 2.02, 2.06], [1.0, 1.0, 2.0, 2.0])
    assert cost.share == pytest.approx(0.015)
    assert cost.interval == pytest.approx((0.01, 0.03))


def test_the_interval_is_between_the_known_order_statistics():
    # For 100 values the 40th and the 61st (tables of the sign test, 95 %).
    assert median_interval(list(range(100, 0, -1))) == (40, 61)


def test_few_values_give_their_extremes():
    assert median_interval([3, 1, 2]) == (1, 3)
    assert median_interval([7]) == (7, 7)
