"""Rates of contenders that take turns, case by case, with times that are known."""

import pytest

from zeroreal.benchmarks.harness import Contender, Progress
from zeroreal.benchmarks.harness.rates import RateCase, measure_rates


def interrupt():
    raise KeyboardInterrupt


def contender(name, *seconds):
    """One whose rounds take these seconds; past them, somebody presses Ctrl-C."""
    times = iter(seconds)
    return Contender(name, lambda: next(times, None) or interrupt())


def rates(cases, rounds):
    """The figures, and all that was kept on the way."""
    kept = []
    return measure_rates(cases, rounds, {"threads": 2}, Progress(keep=kept.append)), kept


def test_rates_are_against_the_first():
    case = RateCase(
        "a", 12, [contender("theirs", 4, 6, 5), contender("ours", 2, 4, 2)], {"side": 8}
    )
    found, kept = rates([case], 3)
    assert (found.facts, found.finished) == ({"threads": 2}, True)
    theirs, ours = found.rows
    assert (ours.case, ours.facts) == ("a", {"images": 12, "side": 8})
    assert (theirs.is_baseline, ours.is_baseline) == (True, False)
    assert theirs.metrics["images_per_second"].median == pytest.approx(12 / 5)
    assert ours.metrics["images_per_second"].median == pytest.approx(12 / 2)
    assert ours.metrics["ratio"].values == pytest.approx((4 / 2, 6 / 4, 5 / 2))
    assert "a: 3 rounds are few, 5 tell more" in found.reasons
    assert [len(one.rows) for one in kept] == [2]


def test_a_contender_that_fails_is_reported_with_its_reason():
    def fail():
        raise RuntimeError("no memory")

    case = RateCase("a", 12, [contender("theirs", 4), Contender("ours", fail)])
    theirs, ours = rates([case], 1)[0].rows
    assert theirs.metrics["images_per_second"].median == pytest.approx(3.0)
    assert (ours.reason, dict(ours.metrics)) == ("RuntimeError: no memory", {})


def test_an_interruption_ends_the_measurement_with_the_finished_rounds():
    cases = [RateCase(name, 12, [contender("ours", 4.0)]) for name in "ab"]
    found, _ = rates(cases, 2)
    assert not found.finished
    (row,) = found.rows
    assert (row.case, row.metrics["seconds"].values) == ("a", (4.0,))


def test_an_interruption_between_cases_keeps_those_before():
    def cases():
        yield RateCase("a", 12, [contender("ours", 4.0)])
        interrupt()

    found, _ = rates(cases(), 1)
    assert not found.finished
    assert [row.case for row in found.rows] == ["a"]
