"""What is read off a seed's runs, on curves made by hand."""

import pytest

from zeroreal.benchmarks.e2e.curve import Point, accuracy_in, seconds_to

CURVE = [Point(100, 10.0, 0.5), Point(400, 40.0, 0.7), Point(1600, 100.0, 0.8)]


def test_seconds_to_a_level_lie_between_the_runs_around_it():
    # Half of the way from 0.5 to 0.7 is the geometric mean of 100 and 400 images, 200: a third of
    # the way from 10 to 40 seconds.
    assert seconds_to(CURVE, 0.6) == pytest.approx(20.0)
    # From 400 images to 1600, 800 are halfway in accuracy: a third of 60 seconds on.
    assert seconds_to(CURVE, 0.75) == pytest.approx(60.0)


def test_a_level_that_a_run_has_is_reached_in_its_seconds():
    assert seconds_to(CURVE, 0.7) == pytest.approx(40.0)
    assert seconds_to(CURVE, 0.8) == pytest.approx(100.0)


def test_a_level_below_all_runs_takes_the_first_ones_seconds():
    assert seconds_to(CURVE, 0.3) == 10.0


def test_a_level_above_all_runs_is_not_reached():
    assert seconds_to(CURVE, 0.81) is None
    assert seconds_to([], 0.5) is None


def test_the_first_run_that_reaches_a_level_counts_though_a_later_one_falls_back():
    points = [Point(100, 10.0, 0.5), Point(200, 20.0, 0.7), Point(400, 40.0, 0.6)]
    assert seconds_to(points, 0.7) == pytest.approx(20.0)


def test_accuracy_in_a_time_is_linear_in_its_logarithm():
    assert accuracy_in(CURVE, 20.0) == pytest.approx(0.6)  # the geometric mean of 10 and 40
    assert accuracy_in(CURVE, 40.0) == 0.7
    assert accuracy_in(CURVE, 100.0) == 0.8


def test_nothing_is_said_of_times_outside_those_that_were_measured():
    assert accuracy_in(CURVE, 9.9) is None
    assert accuracy_in(CURVE, 100.1) is None
