"""The benchmark from class names to accuracy: whose turn it is, what is kept, what is told."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.e2e import runs
from zeroreal.benchmarks.e2e.bench import measure_e2e
from zeroreal.benchmarks.e2e.settings import E2eSettings
from zeroreal.benchmarks.harness import ContenderError, Progress


@pytest.fixture
def settings(tmp_path):
    """A function that gives small settings with changes."""

    def make(**changes):
        chosen = {"images": (400, 200), "seeds": (0, 1, 2), "device": "cpu", "work": tmp_path}
        return E2eSettings(**{**chosen, **changes})

    return make


def found(figures, name, case="400 images"):
    return next(row for row in figures.rows if row.key == (case, name))


def test_seeds_take_turns_and_each_is_begun_by_another_contender(asked, settings):
    figures = measure_e2e(settings())
    assert asked.runs[:6] == [
        ("ours", 200, 0),
        ("usual", 200, 0),
        ("informed", 200, 0),
        ("ours", 400, 0),
        ("usual", 400, 0),
        ("informed", 400, 0),
    ]
    assert [name for name, _, seed in asked.runs if seed == 1][:3] == ["usual", "informed", "ours"]
    assert asked.settled == ["ours", "usual", "informed"]
    assert found(figures, "usual").metrics["time_ratio"].values == pytest.approx((4.0,) * 3)
    assert figures.finished
    assert figures.reasons == ()


def test_finished_runs_are_not_run_again(asked, settings):
    first = measure_e2e(settings(images=(200,)))
    assert len(asked.runs) == 9
    second = measure_e2e(settings(images=(200,)))
    assert len(asked.runs) == 9
    assert second == first
    measure_e2e(settings(images=(200, 400)))
    assert len(asked.runs) == 18
    assert asked.settled == ["ours", "usual", "informed"]


def test_other_code_of_ours_runs_ours_again_but_not_the_peers(asked, settings, monkeypatch):
    measure_e2e(settings(images=(200,)))
    digest = runs.code_digest
    changed = {runs._OURS: "other"}
    monkeypatch.setattr(runs, "code_digest", lambda *places: changed.get(places, digest(*places)))
    measure_e2e(settings(images=(200,)))
    assert [name for name, *_ in asked.runs[9:]] == ["ours"] * 3


def test_other_settings_of_a_contender_are_other_runs(asked, settings):
    measure_e2e(settings(contenders=("ours", "ours:steps=4"), images=(200,), seeds=(0,)))
    assert asked.runs == [("ours", 200, 0)] * 2


def test_a_contender_that_fails_takes_no_further_turn(asked, settings):
    asked.fail["usual", 400, 0] = ContenderError("out of memory")
    figures = measure_e2e(settings())
    assert [run for run in asked.runs if run[0] == "usual"] == [
        ("usual", 200, 0),
        ("usual", 400, 0),
    ]
    assert found(figures, "usual", "200 images").reason == "out of memory"
    assert len(found(figures, "ours").metrics["seconds"].values) == 3
    assert figures.finished


def test_an_interruption_ends_with_the_runs_that_are_finished(asked, settings):
    asked.fail["usual", 200, 1] = KeyboardInterrupt()
    kept = []
    figures = measure_e2e(settings(), Progress(keep=kept.append))
    assert not figures.finished
    assert found(figures, "ours").facts["seeds"] == [0]
    assert len(kept) == 6
    assert not kept[-1].finished
    asked.fail.clear()
    before = len(asked.runs)
    assert measure_e2e(settings()).finished
    assert len(asked.runs) - before == 12


def test_few_seeds_and_a_busy_machine_are_told(asked, settings, monkeypatch):
    class Busy:
        def __init__(self, device):
            pass

        def reasons(self):
            return ["others were busy"]

    monkeypatch.setattr(runs, "Conditions", Busy)
    figures = measure_e2e(settings(contenders=("ours",), images=(200,), seeds=(0,)))
    assert figures.reasons == (
        "ours, 200 images, seed 0: others were busy",
        "seeds are 1, 3 tell more",
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"contenders": ("theirs",)}, "unknown contender 'theirs'"),
        ({"contenders": ("usual:recipe=bas",)}, "recipe 'bas'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_runs(asked, settings, changes, complaint):
    with pytest.raises(InputError) as error:
        measure_e2e(settings(**changes))
    assert complaint in str(error.value)
    assert not asked.runs
    assert not asked.settled


@pytest.mark.slow
def test_every_contender_goes_from_class_names_to_an_accuracy(tmp_path):
    contenders = (
        "ours:steps=2,epochs=1,engine=torch,tune=off",
        "usual:steps=2,epochs=1,batch_size=8,channels_last=false,workers=0",
        "informed:steps=2,epochs=1,batch_size=8,channels_last=true,workers=1",
    )
    figures = measure_e2e(
        E2eSettings(contenders, images=(20,), seeds=(0,), levels=(0.01,), work=tmp_path)
    )
    for name in contenders:
        row = found(figures, name, "20 images")
        assert row.reason is None
        assert row.facts["tested_on"] == 5000
        parts = [row.metrics[f"{part}_seconds"].median for part in ("startup", "generate", "train")]
        assert all(part > 0 for part in parts)
        saved = row.metrics["save_seconds"].median
        # Ours also counts hand-overs, and rounds its stages.
        assert sum(parts) + saved == pytest.approx(row.metrics["seconds"].median, rel=0.1)
        assert 0 < row.metrics["accuracy"].median < 1
