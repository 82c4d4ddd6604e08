"""The benchmark of several workers: what it counts, what it refuses, and that it runs."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.clusters.settings import WorkersSettings
from zeroreal.benchmarks.clusters.workers import measure_workers, rate_while_all_work


def test_one_worker_is_measured_from_its_first_commit_on():
    assert rate_while_all_work([{100.0: 50, 110.0: 50, 120.0: 30}]) == pytest.approx(80 / 20)


def test_time_in_which_a_worker_has_not_begun_or_has_ended_does_not_count():
    early = {0.0: 10, 10.0: 10, 20.0: 10, 30.0: 10}
    late = {15.0: 10, 25.0: 10, 35.0: 10, 45.0: 10}
    # From 15 to 30: at 20 and 30 by the one, at 25 by the other.
    assert rate_while_all_work([early, late]) == pytest.approx(30 / 15)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": 10_000}, "workers is 10000: each needs a core"),
        ({"workers": 0}, "workers is 0"),
        ({"images": 6005}, "images is 6005: give a multiple of 10"),
        ({"images": 100}, "images is 100: give .* at least"),
        ({"rounds": 0}, "rounds is 0"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        measure_workers(WorkersSettings(**{"workers": 1, **settings}))


@pytest.mark.slow
def test_both_clusters_make_the_dataset_in_each_round(tmp_path):
    pytest.importorskip("ray")
    settings = WorkersSettings(1, 400, 20, steps=1, rounds=1, work=tmp_path)
    figures = measure_workers(settings)
    assert [(row.name, row.reason) for row in figures.rows] == [("1 worker", None)]
    assert len(figures.rows[0].metrics["images_per_second"].values) == 1
    assert list(tmp_path.iterdir()) == []
