"""Rounds of contenders, with measurements that are known."""

import itertools

import pytest

from zeroreal.benchmarks.harness import Contender, Measurement, Rounds, run_rounds
from zeroreal.benchmarks.harness.summary import doubts, ratios, spread


def contender(name, seconds, log=None):
    """One that takes the `seconds` one after another; an exception among them is raised."""
    figures = iter(seconds)

    def measure():
        if log is not None:
            log.append(name)
        figure = next(figures)
        if isinstance(figure, BaseException):
            raise figure
        return figure

    return Contender(name, measure)


def test_every_round_has_all_contenders_and_another_begins():
    log = []
    run_rounds([contender(name, itertools.repeat(1.0), log) for name in "abc"], 4)
    assert "".join(log) == "abcbcacababc"


def test_each_round_is_told_when_it_is_done():
    told = []
    rounds = run_rounds(
        [contender("a", [1, 2]), contender("b", [3, 4])],
        2,
        lambda so_far: told.append((so_far.done, [len(m.seconds) for m in so_far.measurements])),
    )
    assert told == [(1, [1, 1]), (2, [2, 2])]
    assert rounds.measurements == (Measurement("a", [1, 2]), Measurement("b", [3, 4]))


def test_a_contender_that_fails_is_kept_with_its_reason_and_the_others_go_on():
    log = []
    rounds = run_rounds(
        [
            contender("bad", [1.0, RuntimeError("no kernel\nat all"), 1.0], log),
            contender("good", [2.0, 2.0, 2.0], log),
        ],
        3,
    )
    bad, good = rounds.measurements
    assert (bad.seconds, bad.reason) == ([1.0], "RuntimeError: no kernel")
    assert (good.seconds, good.reason) == ([2.0, 2.0, 2.0], None)
    assert log.count("bad") == 2, "it is not asked again"
    assert rounds.done == 3


@pytest.mark.parametrize("interrupted", ["first", "second"])
def test_an_interruption_keeps_the_finished_rounds_alone(interrupted):
    third = {"first": 5.0, "second": 6.0, interrupted: KeyboardInterrupt()}
    rounds = run_rounds(
        [
            contender("first", [1.0, 2.0, third["first"]]),
            contender("second", [3.0, 4.0, third["second"]]),
        ],
        5,
    )
    assert [measurement.seconds for measurement in rounds.measurements] == [[1, 2], [3, 4]]
    assert (rounds.done, rounds.wanted) == (2, 5)
    assert "it was interrupted after 2 of 5 rounds" in doubts(rounds)


def test_ratios_compare_within_a_round():
    baseline = Measurement("baseline", [10.0, 40.0, 30.0])
    assert ratios(Measurement("twice as fast", [5.0, 20.0, 15.0]), baseline) == [2.0, 2.0, 2.0]
    assert ratios(Measurement("failed after one", [40.0]), baseline) == [0.25]
    assert ratios(baseline, Measurement("failed at once")) == []


def test_spread_is_median_quartiles_and_coefficient_of_variation():
    # Of 1..5: the quartiles are members; the sample's standard deviation is the root of 2.5.
    assert spread([5.0, 1.0, 4.0, 2.0, 3.0]) == {
        "median": 3.0,
        "quartile_1": 2.0,
        "quartile_3": 4.0,
        "variation": pytest.approx(2.5**0.5 / 3),
    }
    assert spread([7.0]) == {
        "median": 7.0,
        "quartile_1": 7.0,
        "quartile_3": 7.0,
        "variation": 0.0,
    }


def test_steady_times_of_enough_rounds_leave_no_doubts():
    steady = [1.0, 1.01, 0.99, 1.0, 1.0]
    assert doubts(Rounds((Measurement("a", steady),), 5, 5)) == []


def test_few_rounds_and_unsteady_times_are_doubted():
    measurements = (Measurement("steady", [2.0, 2.0]), Measurement("wild", [1.0, 3.0]))
    few, unsteady = doubts(Rounds(measurements, 2, 2))
    assert few.startswith("2 rounds are few")
    assert unsteady.startswith("the times of wild vary by 70.7 %")  # root of 2 over 2
