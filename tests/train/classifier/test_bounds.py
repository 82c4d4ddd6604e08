"""Bounds of accuracies against published values, scipy, and how often they hold."""

import numpy as np
import pytest
from scipy.stats import beta, binomtest

from zeroreal.train.classifier.bounds import accuracy_interval, bounds_of_choice, lower_bound


def test_intervals_match_published_values():
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 5.
    assert accuracy_interval(81, 263) == pytest.approx((0.2527, 0.3676), abs=1e-4)
    assert accuracy_interval(15, 148) == pytest.approx((0.0578, 0.1617), abs=1e-4)
    assert accuracy_interval(0, 20) == pytest.approx((0.0, 0.1684), abs=1e-4)
    assert accuracy_interval(1, 29) == pytest.approx((0.0009, 0.1776), abs=1e-4)


@pytest.mark.parametrize(
    ("correct", "count"), [(0, 1), (1, 1), (3, 7), (4070, 5000), (50_000,) * 2]
)
def test_intervals_are_those_of_scipy(correct, count):
    expected = binomtest(correct, count).proportion_ci(method="exact")
    assert accuracy_interval(correct, count) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("risk", [0.05, 0.05 / 18, 1e-9])
def test_a_bound_is_a_quantile_of_the_beta_distribution(risk):
    assert lower_bound(700, 1000, risk) == pytest.approx(beta.ppf(risk, 700, 301))


def test_a_choice_among_many_has_the_bounds_of_a_share_of_the_risk():
    found = bounds_of_choice([(0.7, 0.72), (0.65, 0.6)], 1000)
    expected = [
        np.mean([beta.ppf(0.05 / 4, k, 1001 - k) for k in right])
        for right in ([700, 720], [650, 600])
    ]
    assert found == pytest.approx(expected)


def test_the_best_of_many_guessers_is_seldom_above_its_bound():
    """Of 20 that toss coins over 100 images, the best looks good: the plain bound is deceived."""
    generator = np.random.default_rng(0)
    best = generator.binomial(100, 0.5, (300, 20)).max(1)
    counts = {k: (best == k).mean() for k in set(best.tolist())}
    others = [(0.5,)] * 19
    wrong = sum(
        n for k, n in counts.items() if bounds_of_choice([(k / 100,), *others], 100)[0] > 0.5
    )
    plain = sum(n for k, n in counts.items() if lower_bound(k, 100, 0.05) > 0.5)
    assert wrong <= 0.05 < 0.3 < plain
