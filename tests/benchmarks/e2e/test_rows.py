"""Rows from runs made by hand: by number of images, to a level, at equal time."""

import pytest

from zeroreal.benchmarks.e2e.rows import rows_of
from zeroreal.benchmarks.e2e.run_figures import RunFigures


def run(seconds, accuracy):
    return RunFigures(seconds, 0.25 * seconds, 0.5 * seconds, 0.0, 0.25 * seconds, accuracy)


OURS = {
    (100, 0): run(10.0, 0.6),
    (400, 0): run(40.0, 0.8),
    (100, 1): run(10.0, 0.5),
    (400, 1): run(40.0, 0.8),
}
USUAL = {
    (100, 0): run(20.0, 0.4),
    (400, 0): run(80.0, 0.7),
    (100, 1): run(40.0, 0.4),
    (400, 1): run(160.0, 0.7),
}


def rows(runs, levels=(), failed=None):
    return {row.key: row for row in rows_of(runs, (400, 100), levels, failed or {})}


def test_runs_are_compared_by_seed():
    found = rows({"ours": OURS, "usual": USUAL})
    row = found["100 images", "usual"]
    assert row.metrics["seconds"].values == (20.0, 40.0)
    assert row.metrics["accuracy"].values == (0.4, 0.4)
    assert row.metrics["time_ratio"].values == (2.0, 4.0)
    assert row.facts["seeds"] == [0, 1]
    # ln 2 and ln 4: mean 1.5 ln 2, standard error ln 2 / 2, t of one degree 12.706.
    assert row.facts["time_ratio_interval"] == f"{2**-4.853:.2f}-{2**7.853:.2f}"
    ours = found["100 images", "ours"]
    assert ours.is_baseline
    assert ours.metrics["time_ratio"].values == (1.0, 1.0)
    assert "time_ratio_interval" not in ours.facts


def test_cases_come_in_the_order_of_images_then_levels_then_times():
    cases = list(dict.fromkeys(case for case, _ in rows({"ours": OURS}, (0.5, 0.8))))
    assert cases == [
        "100 images",
        "400 images",
        "to 50 %",
        "to 80 %",
        "in the time of ours with 100 images",
        "in the time of ours with 400 images",
    ]


def test_only_seeds_that_both_have_are_compared():
    fewer = {key: one for key, one in USUAL.items() if key != (100, 0)}
    row = rows({"ours": OURS, "usual": fewer})["100 images", "usual"]
    assert row.metrics["time_ratio"].values == (4.0,)


def test_seconds_to_a_level_are_compared_by_seed():
    found = rows({"ours": OURS, "usual": USUAL}, (0.7,))
    ours, usual = found["to 70 %", "ours"], found["to 70 %", "usual"]
    # Seed 0: half of the way from 0.6, 200 images, 20 s. Seed 1: two thirds of the way from 0.5.
    images = 100 * 4 ** (2 / 3)
    assert ours.metrics["seconds"].values == pytest.approx((20.0, 10 + (images - 100) / 10))
    assert usual.metrics["seconds"].values == pytest.approx((80.0, 160.0))
    first, second = ours.metrics["seconds"].values
    assert usual.metrics["time_ratio"].values == pytest.approx((80 / first, 160 / second))
    assert usual.facts["reached"] == "2 of 2"


def test_a_level_that_some_seed_does_not_reach_has_no_seconds_but_a_bound():
    runs = {**USUAL, (400, 1): run(160.0, 0.75)}
    row = rows({"ours": OURS, "usual": runs}, (0.75,))["to 75 %", "usual"]
    assert set(row.metrics) == {"best_accuracy"}
    assert row.metrics["best_accuracy"].values == (0.7, 0.75)
    assert (row.facts["seconds"], row.facts["reached"]) == ("not reached", "1 of 2")
    # Ours took 10 + 30 * (100 * 4^0.75 - 100) / 300 s and, with seed 1, 4^(5/6).
    ours = [10 * 4**0.75, 10 * 4 ** (5 / 6)]
    assert row.facts["time_ratio"] == f"over {(80 / ours[0] + 160 / ours[1]) / 2:.2f}"


def test_how_many_seeds_reached_a_level_with_the_fewest_images_is_told():
    row = rows({"ours": OURS}, (0.6,))["to 60 %", "ours"]
    assert row.facts["reached_with_the_fewest"] == 1


def test_accuracy_at_equal_time_is_that_of_each_seeds_own_time():
    found = rows({"ours": OURS, "usual": USUAL})
    case = "in the time of ours with 400 images"
    # Seed 0: 40 s are halfway between 20 and 80 in logarithms. Seed 1: they are the first run's.
    assert found[case, "usual"].metrics["accuracy"].values == pytest.approx((0.55, 0.4))
    assert found[case, "ours"].metrics["accuracy"].values == (0.8, 0.8)
    short = found["in the time of ours with 100 images", "usual"]
    assert "accuracy" not in short.metrics
    assert short.facts["accuracy"] == "not measured"


def test_seeds_without_all_numbers_of_images_are_not_read_off():
    some = {key: one for key, one in USUAL.items() if key != (400, 1)}
    row = rows({"ours": OURS, "usual": some}, (0.7,))["to 70 %", "usual"]
    assert row.facts["reached"] == "1 of 1"


def test_a_contender_that_failed_has_its_reason_once():
    found = rows({"ours": OURS, "usual": {}}, (0.7,), {"usual": "no diffusers"})
    told = [key for key, row in found.items() if row.reason == "no diffusers"]
    assert told == [("100 images", "usual")]
    assert ("to 70 %", "usual") not in found


def test_without_any_run_there_is_nothing_but_empty_rows():
    assert all(not row.metrics for row in rows({"ours": {}, "usual": {}}, (0.7,)).values())
