"""Reading a learning curve: by hand-made ones, and by one whose answer is known."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from zeroreal.run.worth.curve import equivalent, isotonic

SIZES = [100, 200, 400]


def told(accuracies, count=1000):
    """Which of `count` images are right, as often as is said: `[..., count]`."""
    return np.arange(count) < np.round(np.asarray(accuracies)[..., None] * count)


def curve(*means):
    return told(np.repeat(np.array(means)[:, None], 2, axis=1))


@pytest.mark.parametrize("seed", range(5))
def test_isotonic_regression_is_scipys(seed):
    values = np.random.default_rng(seed).normal(size=12) + np.arange(12) / 6
    np.testing.assert_allclose(isotonic(values), isotonic_regression(values).x)


@pytest.mark.parametrize(
    ("accuracy", "images"),
    [
        (0.5, 100),
        (0.55, 100 * 2**0.5),  # half way between 0.5 and 0.6, by the logarithm
        (0.6, 200),
        (0.7, 400),
        (0.49, 0),
        (0.71, float("inf")),
    ],
)
def test_between_sizes_the_logarithm_is_interpolated(accuracy, images):
    found = equivalent(SIZES, curve(0.5, 0.6, 0.7), told(accuracy))
    assert found.images == pytest.approx(images)


def test_a_curve_that_falls_is_made_to_rise():
    # 0.62 and 0.58 become 0.6 both: of those that are flat, the least.
    found = equivalent([100, 200, 400, 800], curve(0.5, 0.62, 0.58, 0.7), told(0.6))
    assert found.images == pytest.approx(200)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Classifiers that tell each image right by chance: of 200 such, 95 % hold the true number."""
    generator = np.random.default_rng(1)
    truth, means = 100 * 2**0.5, np.array([0.5, 0.6, 0.7])
    held = 0
    for _ in range(40):
        right = generator.random((3, 3, 400)) < means[:, None, None]
        found = equivalent(SIZES, right, generator.random(400) < 0.55)
        held += found.low <= truth <= found.high
    assert held >= 34


def test_the_interval_may_end_beyond_the_curve():
    found = equivalent(SIZES, curve(0.5, 0.6, 0.7), told(0.695, 1000))
    assert found.low < found.images < found.high
    open_ended = equivalent(SIZES, curve(0.5, 0.6, 0.7), told(0.7)[::-1])
    assert open_ended.high == float("inf")
