"""Verdicts from cases made by hand, on both sides of each limit."""

import pytest

from zeroreal.benchmarks.latency.verdicts import (
    bound_by,
    costly_harness,
    throttled,
    too_few,
    unstable,
    wrong_sum,
)
from zeroreal.report.results.metric import Metric


def metric(*values):
    return Metric(values, "s")


def test_a_stage_that_the_host_takes_most_of_is_bound_by_enqueue():
    assert bound_by([10, 10, 10], [8.1, 8.1, 1], "compute") == "enqueue"
    assert bound_by([10, 10, 10], [7.9, 7.9, 99], "compute") == "compute"


def test_a_stage_on_a_processor_is_bound_by_its_roof():
    assert bound_by([10], [], "memory") == "memory"
    assert bound_by([10], [], None) is None


def test_batches_that_vary_are_unstable():
    assert unstable(metric(1.0, 1.0, 1.0)) is None
    assert unstable(metric(1.0, 1.02, 0.98)) is None  # 2 %
    assert "vary by 3.0 %" in unstable(metric(1.0, 1.03, 0.97))


def test_a_99th_percentile_takes_100_batches():
    assert too_few(metric(*[1.0] * 100)) is None
    assert too_few(metric(*[1.0] * 99)).startswith("too few samples: 99 batches")


def test_clocks_that_fall_are_throttled():
    assert throttled(2000, 1900) is None
    assert throttled(2000, 2100) is None
    assert throttled(2000, 1899) == (
        "throttled: clocks fell from 2000 to 1899 MHz while batches were timed"
    )
    assert throttled(None, 1000) is None
    assert throttled(1000, None) is None


@pytest.mark.parametrize(("share", "text"), [(0.979, "97.9 %"), (1.021, "102.1 %")])
def test_stages_that_do_not_make_up_the_whole_are_a_reason(share, text):
    assert text in wrong_sum(share)


def test_stages_within_two_percent_of_the_whole_are_none():
    assert wrong_sum(0.981) is None
    assert wrong_sum(1.019) is None


def test_a_harness_is_costly_only_where_chance_is_not_the_reason():
    assert costly_harness((-0.01, 0.02)) is None
    assert costly_harness((0.004, 0.02)) is None
    assert "costs 0.6 % to 2.0 %" in costly_harness((0.006, 0.02))
