"""Climbing a curve of batch sizes: where it ends, and which batch is taken."""

import math
from types import SimpleNamespace

import pytest

from zeroreal.generate.tuning import batch_curve
from zeroreal.generate.tuning.batch_curve import (
    End,
    Limits,
    Point,
    climb,
    doubling,
    knee,
    quartering,
)

NO_LIMITS = Limits(bytes=math.inf, deadline=math.inf)


@pytest.fixture
def clock(monkeypatch):
    """The time, which only measuring lets pass."""
    clock = SimpleNamespace(now=0.0, perf_counter=lambda: clock.now)
    monkeypatch.setattr(batch_curve, "time", clock)
    return clock


def measuring(rates, clock, held=0, per_image=1):
    """Measures images a second out of a table, and bytes that grow evenly with the batch."""

    def measure(batch):
        seconds = batch / rates[batch]
        clock.now += seconds
        return Point("engine", "graph", batch, seconds, held + per_image * batch)

    return measure


def at_once(seconds):
    """A call is measured by itself."""
    return seconds


def batches(curve):
    return [point.batch for point in curve.points]


def point(batch, images_per_second):
    return Point("engine", "graph", batch, batch / images_per_second, 0)


def test_the_knee_is_the_smallest_batch_within_3_percent_of_the_best():
    points = [point(1, 50), point(2, 90), point(4, 98), point(8, 100), point(16, 99)]
    assert knee(points).batch == 4
    assert knee(points[:2]).batch == 2


def test_it_ends_where_throughput_has_risen_by_less_than_3_percent_twice(clock):
    rates = {1: 10, 2: 20, 4: 40, 8: 41, 16: 41.5, 32: 100}
    curve = climb(measuring(rates, clock), doubling, NO_LIMITS, at_once)
    assert curve.end is End.FLAT
    assert batches(curve) == [1, 2, 4, 8, 16]


def test_one_batch_that_is_no_faster_does_not_end_it(clock):
    rates = {1: 10, 2: 9, 4: 40, 8: 41, 16: 80, 32: 80, 64: 80}
    curve = climb(measuring(rates, clock), doubling, NO_LIMITS, at_once)
    assert batches(curve) == [1, 2, 4, 8, 16, 32, 64]


def test_slow_growth_counts_from_the_best_so_far(clock):
    """A batch below the best is no rise, however bad the one before it was."""
    rates = {1: 10, 2: 40, 4: 20, 8: 40, 16: 100}
    assert batches(climb(measuring(rates, clock), doubling, NO_LIMITS, at_once)) == [1, 2, 4, 8]


def test_the_small_batches_of_a_small_model_are_skipped(clock):
    rates = {1: 500, 8: 1000, 16: 1000, 32: 1000}
    assert batches(climb(measuring(rates, clock), doubling, NO_LIMITS, at_once)) == [1, 8, 16, 32]


def test_it_ends_at_1024_images(clock):
    rates = {2**power: 10 * 1.5**power for power in range(12)}
    curve = climb(measuring(rates, clock), doubling, NO_LIMITS, at_once)
    assert curve.end is End.LARGEST
    assert batches(curve)[-1] == 1024


def test_a_batch_that_would_pass_the_memory_is_foreseen_and_not_tried(clock):
    """A call takes 100 bytes and 10 more an image: 180 with 8 images, 260 with 16."""
    rates = {2**power: 10 * 2**power for power in range(6)}
    measure = measuring(rates, clock, held=100, per_image=10)
    limits = Limits(bytes=250, deadline=math.inf)
    curve = climb(measure, doubling, limits, at_once)
    assert curve.end is End.MEMORY
    assert batches(curve) == [1, 2, 4, 8]
    assert curve.needed == 260


def test_a_batch_that_passed_the_memory_unforeseen_is_left_out(clock):
    def measure(batch):
        return Point("engine", "graph", batch, 1.0, 10 if batch < 4 else 1000)

    curve = climb(measure, doubling, Limits(bytes=100, deadline=math.inf), at_once)
    assert curve.end is End.MEMORY
    assert batches(curve) == [1, 2]
    assert curve.needed == 1000


def test_running_out_of_memory_ends_it_with_what_fits(clock):
    plain = measuring({1: 10, 2: 20, 4: 40}, clock)

    def measure(batch):
        if batch == 8:
            raise RuntimeError("CUDA error: out of memory")
        return plain(batch)

    curve = climb(measure, doubling, NO_LIMITS, at_once)
    assert curve.end is End.OUT_OF_MEMORY
    assert batches(curve) == [1, 2, 4]


def test_other_errors_are_not_swallowed():
    def measure(batch):
        raise RuntimeError("the kernel failed")

    with pytest.raises(RuntimeError, match="the kernel failed"):
        climb(measure, doubling, NO_LIMITS, at_once)


def test_no_batch_is_begun_that_would_end_after_the_deadline(clock):
    """Batches of 1, 2, 4 take 1 s, 1.6 s, 2.6 s, which ends at 5.2 s; twice 2.6 s ends later."""
    rates = {1: 1, 2: 2 / 1.6, 4: 4 / 2.6, 8: 8}
    curve = climb(measuring(rates, clock), doubling, Limits(bytes=math.inf, deadline=10.3), at_once)
    assert curve.end is End.TIME
    assert batches(curve) == [1, 2, 4]


def test_what_the_first_call_costs_is_not_multiplied(clock):
    """Of 0.5 s only 0.005 s are the call itself: 8 images are tried, and more."""
    plain = measuring({1: 200, 8: 1600, 16: 1700, 32: 1800, 64: 1900}, clock)

    def measure(batch):
        clock.now += 0.495 if batch == 1 else 0.1
        return plain(batch)

    curve = climb(measure, doubling, Limits(bytes=math.inf, deadline=1.05), at_once)
    assert curve.end is End.TIME
    assert batches(curve) == [1, 8, 16, 32, 64]


def test_one_image_is_measured_even_after_the_deadline(clock):
    clock.now = 9.0
    curve = climb(
        measuring({1: 10}, clock), doubling, Limits(bytes=math.inf, deadline=5.0), at_once
    )
    assert batches(curve) == [1]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(1, [1]), (3, [1, 3]), (16, [1, 4, 16]), (100, [1, 7, 25, 100])],
)
def test_a_batch_that_was_asked_for_is_approached_in_steps(clock, wanted, expected):
    rates = dict.fromkeys(expected, 10)
    curve = climb(measuring(rates, clock), quartering(wanted), NO_LIMITS, at_once, until_flat=False)
    assert batches(curve) == expected
