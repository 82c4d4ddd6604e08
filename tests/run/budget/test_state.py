"""The budget of a run that is interrupted: what is left of it when the run goes on."""

import json
import math
import re
import time
from dataclasses import replace

import pytest

from zeroreal.base import InputError
from zeroreal.generate import GenerateSettings
from zeroreal.run import RunInterruptedError, RunSettings, resume, run
from zeroreal.run.budget import choice
from zeroreal.run.budget.clock import Speeds
from zeroreal.run.budget.plans import BudgetPlan
from zeroreal.run.budget.state import STATE, BudgetState, load_state
from zeroreal.train import TrainSettings

SPEEDS = Speeds(denoise=0.01, decode=0.001, train=0.002, load=3.0, finish=1.0)
PLAN = BudgetPlan("quick", RunSettings(), 700, 0.8, 20.0, 10.0, 5.0)


def test_the_time_that_a_run_took_is_not_given_again(tmp_path):
    BudgetState(PLAN, SPEEDS, time.perf_counter() - 30).save(tmp_path)
    now = time.perf_counter()
    state = load_state(tmp_path, PLAN.settings, now)
    assert now - state.started == pytest.approx(30, abs=1)
    assert (state.plan, state.speeds) == (PLAN, SPEEDS)
    # Of 60 seconds, 3 % are kept back; 29 are left, and 1 is for test and report.
    assert not state.clock(60).is_over(0)
    assert state.clock(31).is_over(0)


def test_without_a_saved_state_there_is_none(tmp_path):
    assert load_state(tmp_path, RunSettings(), 0.0) is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is [] and not values"),
        ('{"plan": {}}', "lacks 'plan.lever'"),
        ('{"plan": {"lever": 5}}', "has 5 as 'plan.lever'"),
        ('{"plan": [], "speeds": {}}', "has [] as 'plan'"),
    ],
)
def test_a_damaged_state_is_named_with_what_to_do(tmp_path, text, complaint):
    (tmp_path / STATE).write_text(text)
    with pytest.raises(InputError, match=r"budget.json' .* to go on without a time") as caught:
        load_state(tmp_path, RunSettings(), 0.0)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e308])
def test_a_time_that_is_none_is_refused(tmp_path, value):
    BudgetState(PLAN, replace(SPEEDS, denoise=value), 0.0).save(tmp_path)
    with pytest.raises(InputError, match=re.escape(f"budget.json' has {value} as 'denoise'")):
        load_state(tmp_path, RunSettings(), 0.0)


@pytest.fixture
def settings(monkeypatch):
    """Of a small run with a budget, whose speeds are not measured."""
    monkeypatch.setattr(choice, "measure_speeds", lambda *_, **__: SPEEDS)
    return RunSettings(
        classes=("bag", "coat"),
        images_per_class=40,
        device="cpu",
        time_budget=600,
        generate=GenerateSettings(
            steps=1, engine="torch", precision="fp32", tune="off", batch_size=4
        ),
        train=TrainSettings(epochs=1, batch_size=8),
    )


def stop_at(images):
    def on_progress(state):
        if state.stage == "generate" and state.done >= images:
            raise KeyboardInterrupt

    return on_progress


def test_an_interrupted_run_goes_on_with_what_is_left(settings, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(RunInterruptedError):
        run(settings, folder, stop_at(8))
    result = resume(folder)
    assert result.summary.images == 80
    assert result.summary.time_budget.expected_images == 80
    assert not (folder / STATE).exists()


def test_a_run_whose_budget_is_used_up_ends_with_the_images_that_it_has(settings, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(RunInterruptedError):
        run(settings, folder, stop_at(16))
    state = json.loads((folder / STATE).read_text())
    (folder / STATE).write_text(json.dumps({**state, "spent": 1000.0}))
    summary = resume(folder).summary
    assert 16 <= summary.images <= 24  # a batch more shows that the time is over
    assert summary.elapsed_seconds > 1000


def test_what_was_loaded_to_measure_is_gone_before_the_run_is_loaded(monkeypatch):
    """Two diffusion models do not fit into the memory that was sized for one."""
    import weakref

    loaded, loading = [], []

    class Model:
        image_size, seconds, reading_seconds, test, plan = 32, 1.0, 0.5, None, ()

        def __init__(self):
            self.itself = self  # in a circle, as engines are
            self.source = self
            self.device = "cpu"
            self.facts = type("Facts", (), {"batch_size": 4, "found": {"engine": "torch"}})

        def close(self):
            pass

    def prepare(settings, on_progress, ranks, clock=None):
        assert [ref for ref in loaded if ref() is not None] == []
        model = Model()
        loaded.append(weakref.ref(model))
        return model

    def measure_speeds(*_, load, **__):
        loading.append(load)
        return SPEEDS

    monkeypatch.setattr(choice, "prepare", prepare)
    monkeypatch.setattr(choice, "measure_speeds", measure_speeds)
    monkeypatch.setattr(choice, "room_for", lambda *_: 2**30)
    wanted = replace(RunSettings(), images_per_class=20)
    began = time.perf_counter()
    parts, plan, speeds = choice.within_budget(wanted, 600, lambda state: None, None, (), began)
    assert (type(parts), plan.images, speeds) == (Model, 200, SPEEDS)
    assert len(loaded) == 2
    assert loading == [1.5], "real images are read again, too"
