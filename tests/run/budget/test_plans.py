"""Durations, the choice of settings for a budget, the clock that ends generation, calibration."""

import re
from dataclasses import fields, replace
from types import SimpleNamespace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.base.durations import duration_text, parse_duration
from zeroreal.run.budget import speeds as calibration
from zeroreal.run.budget.clock import GenerationClock, Speeds
from zeroreal.run.budget.levers import LeverSetting, LeverTable, read_levers
from zeroreal.run.budget.plans import Budget, rank_plans
from zeroreal.run.settings import RunSettings

BASELINE = LeverSetting("baseline", {}, 1.0, 1.0, 1.0)
QUICK = LeverSetting("quick", {"steps": 3}, 1.1, 0.25, 1.0)
SMALL = LeverSetting("small", {"vae": "tiny"}, 1.0, 1.0, 0.5)
# The error halves with four times the images.
TABLE = LeverTable((BASELINE, QUICK, SMALL), {100: 0.4, 400: 0.2, 1600: 0.1})
SPEEDS = Speeds(denoise=0.09, decode=0.01, train=0.1, load=5, finish=5)


def budget(seconds, spent=10, most_images=10**9):
    return Budget(seconds, spent, most_images)


def ranked(seconds=1000, settings=None, keep=(), speeds=SPEEDS, most_images=10**9):
    given = budget(seconds, most_images=most_images)
    return rank_plans(settings or RunSettings(), keep, given, speeds, TABLE)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("90s", 90), ("600", 600), ("1h30m", 5400), ("1.5H", 5400), (" 1m5s ", 65)],
)
def test_a_duration_is_read_with_or_without_units(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "ten minutes", "-5m", "0", "0m", "5d", "1h30", "m10", "1..5m", "2h 5s"]
)
def test_what_is_no_duration_is_declined(text):
    with pytest.raises(InputError, match=re.escape(f"duration {text!r} is not a length of time")):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.2, "1m"), (600, "10m"), (3661, "1h1m1s"), (7200, "2h"), (0.1, "1s")]
)
def test_a_duration_is_written_in_whole_seconds_rounded_up(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("images", "error"), [(100, 0.4), (200, 0.2828427), (6400, 0.05), (25, 0.8)]
)
def test_the_error_follows_a_power_law_between_and_beyond_what_was_measured(images, error):
    assert TABLE.error(BASELINE, images) == pytest.approx(error)
    assert TABLE.error(QUICK, images) == pytest.approx(1.1 * error)


def test_no_error_is_above_one():
    assert TABLE.error(QUICK, 1) == 1


def test_as_many_images_are_planned_as_fit():
    plans = {plan.lever: plan for plan in ranked()}
    # 1000 s less 3 % and 20 s leave 950 s, for 0.2 s and 0.1325 s an image.
    assert plans["baseline"].images == 4750
    assert plans["quick"].images == 7160  # 7169.8, ten classes
    assert plans["quick"].generate_seconds == pytest.approx(7160 * 0.0325)
    assert plans["quick"].train_seconds == pytest.approx(716)
    assert plans["quick"].other_seconds == 20


def test_the_plan_with_the_least_predicted_error_comes_first():
    plans = ranked()
    assert plans[0].lever == "quick"  # 1.1 * (4750 / 7160) ** 0.5 is 0.9
    assert plans[0].settings.steps == 3
    assert plans[0].accuracy == pytest.approx(1 - 1.1 * 0.1 * (1600 / 7160) ** 0.5)
    assert [plan.accuracy for plan in plans] == sorted(
        (plan.accuracy for plan in plans), reverse=True
    )


def test_where_training_takes_most_of_the_time_a_cheaper_setting_does_not_pay():
    assert ranked(speeds=replace(SPEEDS, train=1.0))[0].lever != "quick"


def test_more_images_are_planned_than_expected_so_that_the_clock_decides():
    plan = ranked()[0]
    assert plan.settings.images_per_class == 895  # 716 * 1.25


@pytest.mark.parametrize(
    ("settings", "keep"), [(RunSettings(steps=20), ()), (RunSettings(), ("steps",))]
)
def test_what_the_user_chose_is_kept(settings, keep):
    plans = ranked(settings=settings, keep=keep)
    assert {plan.lever for plan in plans} == {"baseline", "small"}
    assert {plan.settings.steps for plan in plans} == {settings.steps}


def test_a_setting_that_agrees_with_what_the_user_chose_is_considered():
    assert "quick" in {plan.lever for plan in ranked(settings=RunSettings(steps=3))}


def test_the_number_of_images_that_the_user_chose_is_kept():
    plans = ranked(settings=RunSettings(images_per_class=30))
    assert {plan.images for plan in plans} == {300}
    assert {plan.settings.images_per_class for plan in plans} == {30}
    assert plans[0].lever == "baseline"


def test_memory_limits_the_images():
    plan = ranked(most_images=1009)[0]
    assert plan.images == 1000
    assert plan.settings.images_per_class == 100


def test_levers_of_the_embedded_model_are_not_tried_on_others():
    levers = {plan.lever for plan in ranked(settings=RunSettings(model="other"))}
    assert levers == {"baseline", "quick"}


def test_for_other_models_it_is_said_where_the_levers_were_measured(caplog):
    ranked()
    assert not caplog.messages
    ranked(settings=RunSettings(model="other"))
    assert ["measured on the embedded model" in message for message in caplog.messages] == [True]


@pytest.mark.parametrize(("per_class", "images"), [(None, 20), (300, 3000)])
def test_a_budget_that_is_too_short_is_declined_with_one_that_would_do(per_class, images):
    settings = RunSettings(images_per_class=per_class) if per_class else RunSettings()
    with pytest.raises(InputError, match=f"budget of 20s is too short for {images} images") as told:
        ranked(20, settings)
    enough = parse_duration(str(told.value).split()[-1])
    assert len(ranked(enough, settings)) >= 1
    with pytest.raises(InputError, match="too short"):
        ranked(enough - 2, settings)


def ending(batch_seconds):
    """Images and time when the clock ended generation, in batches of 10, 0.5 s of training each."""
    time = [7.0]
    clock = GenerationClock(107.0, replace(SPEEDS, train=0.5, finish=10), lambda: time[0])
    images = 0
    while True:
        time[0] += batch_seconds
        images += 10
        if clock.is_over(images):
            return images, time[0] - 7.0


@pytest.mark.parametrize("batch_seconds", [0.5, 4.0, 30.0])
def test_generation_ends_when_training_fills_what_is_left(batch_seconds):
    images, seconds = ending(batch_seconds)
    assert seconds + 0.5 * images <= 90
    assert seconds + batch_seconds + 0.5 * (images + 10) > 90


class Source:
    """Generates nothing, at 0.02 s an image by a false clock, a quarter of it decoding."""

    def __init__(self, clock):
        self.clock, self.counts = clock, []
        self.device = torch.device("cpu")
        self.seconds = SimpleNamespace(totals={"text": 1.0, "denoise": 1.0, "decode": 1.0})

    def generate(self, specs):
        self.counts.append(len(specs))
        self.clock[0] += 0.02 * len(specs)
        for stage, share in (("text", 0.1), ("denoise", 0.65), ("decode", 0.25)):
            self.seconds.totals[stage] += share * len(specs)
        yield from ()


def test_calibration_gives_the_seconds_of_each_image(monkeypatch):
    clock = [0.0]

    class SteadyTrainer:
        def __init__(self, classifier, **options):
            self.epochs = options["settings"].epochs

        def fit(self, images, labels):
            clock[0] += 0.001 * len(images) * self.epochs

        def predict(self, images):
            clock[0] += 0.0005 * len(images)

    monkeypatch.setattr(calibration, "Trainer", SteadyTrainer)
    monkeypatch.setattr(calibration, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    source = Source(clock)
    speeds = calibration.measure_speeds(
        source,
        range(10_000),
        RunSettings(),
        at_once=8,
        image_size=16,
        test_images=100,
        load=3.0,
    )
    assert source.counts == [8, 96]  # 0.16 s, and then about 2 s
    assert speeds.denoise == pytest.approx(0.015)
    assert speeds.decode == pytest.approx(0.005)
    assert speeds.train == pytest.approx(0.016)  # 16 epochs
    assert speeds.load == 3.0
    assert 0.05 < speeds.finish < 5.0


def test_the_table_that_ships_has_the_defaults_as_its_baseline():
    table = read_levers()
    assert table.settings[0] == BASELINE
    known = {field.name for field in fields(RunSettings)}
    assert all(known >= set(setting.change) for setting in table.settings)
    errors = [table.errors[images] for images in sorted(table.errors)]
    assert errors == sorted(errors, reverse=True)
