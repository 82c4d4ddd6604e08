"""The interval of a ratio."""

import math

import pytest

from zeroreal.benchmarks.e2e.interval import ratio_interval


def test_it_is_students_on_logarithms():
    # Logarithms 0, 1, 2: mean 1, deviation 1, standard error 1/sqrt(3), t of 2 degrees 4.303.
    low, high = ratio_interval([1.0, math.e, math.e**2])
    assert math.log(low) == pytest.approx(1 - 4.303 / math.sqrt(3))
    assert math.log(high) == pytest.approx(1 + 4.303 / math.sqrt(3))


@pytest.mark.parametrize(("count", "t"), [(12, 2.201), (21, 2.086), (61, 2.000)])
def test_many_values_have_the_quantiles_of_tables(count, t):
    ratios = [math.exp((-1) ** number) for number in range(count)]
    low, high = ratio_interval(ratios)
    logarithms = [(-1) ** number for number in range(count)]
    mean = sum(logarithms) / count
    error = math.sqrt(sum((one - mean) ** 2 for one in logarithms) / (count - 1) / count)
    assert (math.log(high) - math.log(low)) / 2 == pytest.approx(t * error, rel=1e-3)


def test_one_value_has_none():
    assert ratio_interval([2.0]) is None
