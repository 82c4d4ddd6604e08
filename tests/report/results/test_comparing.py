"""What changed between two results, with the Mann-Whitney test of SciPy as the reference."""

import itertools
import random
import statistics
from dataclasses import replace

import numpy as np
import pytest
from results import ENVIRONMENT, rate, result, seconds
from scipy import stats

from zeroreal.base import InputError
from zeroreal.report.results.comparing import _critical, _rank_sums, compare, ratio_interval
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import Row

SIZES = [(5, 5), (5, 7), (8, 5), (6, 9), (10, 10)]


def p_value(before, after):
    return stats.mannwhitneyu(after, before, method="exact", alternative="two-sided").pvalue


@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 4), (5, 5), (2, 7)])
def test_orders_are_counted_as_they_are(first, second):
    places = range(first + second)
    found = [0] * (first * second + 1)
    for own in itertools.combinations(places, first):
        others = set(places) - set(own)
        found[sum(one > other for one in own for other in others)] += 1
    assert _rank_sums(first, second) == found


@pytest.mark.parametrize(("first", "second"), SIZES)
def test_the_critical_value_is_the_first_that_scipy_does_not_reject(first, second):
    def rejected(pairs):
        """Whether SciPy rejects an order in which U is `pairs`."""
        full, rest = divmod(pairs, second)
        above = [second] * full + [rest] + [0] * first
        own = [count + 0.5 + number / 100 for number, count in enumerate(above[:first])]
        return p_value([float(number) for number in range(1, second + 1)], own) <= 0.05

    cut = _critical(first, second, 0.025)
    assert rejected(cut - 1)
    assert not rejected(cut)


@pytest.mark.parametrize(("first", "second"), SIZES)
def test_the_interval_holds_the_ratios_that_scipy_does_not_reject(first, second):
    draw = random.Random(first * 100 + second)
    for _ in range(20):
        before = [draw.lognormvariate(0, 0.05) for _ in range(first)]
        after = [draw.lognormvariate(0.1, 0.05) for _ in range(second)]
        _, interval = ratio_interval(before, after)
        low, high = interval
        for ratio, is_inside in [
            (low * (1 - 1e-9), False),
            (low * (1 + 1e-9), True),
            (high * (1 - 1e-9), True),
            (high * (1 + 1e-9), False),
        ]:
            assert (p_value(before, [value / ratio for value in after]) > 0.05) == is_inside


def test_the_ratio_is_hodges_and_lehmanns_on_logarithms():
    before, after = [1.0, 1.1, 1.3, 0.9], [2.1, 2.0, 2.6, 1.9]
    logs = [np.log(late) - np.log(early) for early in before for late in after]
    ratio, _ = ratio_interval(before, after)
    assert ratio == pytest.approx(np.exp(statistics.median(logs)))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    draw, covered = random.Random(11), 0
    for _ in range(2000):
        before = [draw.lognormvariate(0, 0.1) for _ in range(5)]
        after = [1.2 * draw.lognormvariate(0, 0.1) for _ in range(5)]
        low, high = ratio_interval(before, after)[1]
        covered += low <= 1.2 <= high
    # Exactly 1 - 2 * 4 / 252 = 96.8 %; the standard error of 2,000 is 0.4 %.
    assert covered / 2000 == pytest.approx(0.968, abs=0.012)


def test_so_few_values_can_reject_nothing():
    assert ratio_interval([1.0, 1.0, 1.0], [9.0, 9.0, 9.0])[1] is None


def of(metric, **changes):
    return result(Row("ours", metrics={"it": metric}), **changes)


STEADY = (1.0, 1.01, 0.99, 1.005, 0.995)
SLOWER = tuple(1.1 * value for value in STEADY)


@pytest.mark.parametrize(
    ("make", "before", "after", "verdict"),
    [
        (seconds, STEADY, SLOWER, "worse"),
        (seconds, SLOWER, STEADY, "better"),
        (rate, STEADY, SLOWER, "better"),
        (rate, SLOWER, STEADY, "worse"),
        (seconds, STEADY, STEADY[::-1], "no change beyond noise"),
    ],
)
def test_a_change_is_told_from_noise(make, before, after, verdict):
    each = (1,) * 5
    compared = compare(of(make(*before, processes=each)), of(make(*after, processes=each)))
    (change,) = compared.changes
    assert change.verdict == verdict
    assert (change.before, change.after) == (
        statistics.median(before),
        statistics.median(after),
    )


def test_of_what_is_neither_better_nor_worse_it_is_a_change():
    before, after = (Metric(values, "1", "neither", (1,) * 5) for values in (STEADY, SLOWER))
    assert compare(of(before), of(after)).changes[0].verdict == "changed"


def test_rounds_of_one_process_tell_nothing():
    (change,) = compare(of(seconds(*STEADY)), of(seconds(*SLOWER))).changes
    assert (change.verdict, change.interval) == ("not to be told", None)
    assert change.ratio == pytest.approx(1.1)


def test_of_a_value_of_zero_there_is_no_ratio():
    each = (1,) * 5
    before = of(seconds(0.0, *STEADY[1:], processes=each))
    (change,) = compare(before, of(seconds(*STEADY, processes=each))).changes
    assert change.ratio != change.ratio
    assert change.verdict == "not to be told"


def test_rows_of_one_result_alone_are_named_in_their_order():
    rows = [Row(name, "a case", {"it": seconds(1.0)}) for name in "pqrst"]
    compared = compare(result(*rows[:4]), result(*rows[2:]))
    assert compared.only_before == ("a case p", "a case q")
    assert compared.only_after == ("a case t",)
    assert [change.name for change in compared.changes] == ["r", "s"]


def test_results_of_different_benchmarks_are_refused_even_when_forced():
    with pytest.raises(InputError, match="one result is of 'pace', the other of 'race'"):
        compare(of(seconds(1.0)), of(seconds(1.0), benchmark="race"), force=True)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"settings": {"device": "cpu", "rounds": 5}}, "setting rounds: 3 and 5"),
        (
            {"settings": {"device": "cpu", "rounds": 3, "generate": {"steps": 9, "dtype": None}}},
            "setting generate.steps: 12 and 9",
        ),
        (
            {"environment": ENVIRONMENT | {"device": "NVIDIA H100"}},
            "device: 'AMD EPYC 7B13, 2 threads' and 'NVIDIA H100'",
        ),
        (
            {"environment": ENVIRONMENT | {"cpu": ENVIRONMENT["cpu"] | {"threads": 1}}},
            "cpu.threads: 2 and 1",
        ),
    ],
)
def test_other_settings_or_devices_are_refused_unless_forced(changes, difference):
    before, after = of(seconds(1.0)), of(seconds(1.0), **changes)
    with pytest.raises(InputError) as error:
        compare(before, after)
    assert difference in str(error.value)
    assert "compare them with --force" in str(error.value)
    assert difference in compare(before, after, force=True).differences


def test_other_versions_are_told_and_conditions_are_not():
    environment = ENVIRONMENT | {"torch": "2.16.0", "conditions": {}}
    compared = compare(of(seconds(1.0)), of(seconds(1.0), environment=environment))
    assert compared.differences == ("torch: '2.15.0' and '2.16.0'",)


def test_what_speaks_against_either_result_is_told():
    before = of(seconds(1.0), figures={"reasons": ("the machine was busy",)})
    after = of(seconds(1.0))
    after = replace(after, figures=replace(after.figures, finished=False))
    assert compare(before, after).doubts == (
        "before: the machine was busy",
        "after: it did not come to its end",
    )


def test_of_many_reasons_the_first_are_named():
    before = of(seconds(1.0), figures={"reasons": tuple(f"reason {n}" for n in range(9))})
    *first, last = compare(before, of(seconds(1.0))).doubts
    assert first == ["before: reason 0", "before: reason 1", "before: reason 2"]
    assert last == "before: 6 more reasons are in its file"
