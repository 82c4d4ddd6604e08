"""The choice of settings for a budget, and calibration."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.base.durations import parse_duration
from zeroreal.generate import GenerateSettings
from zeroreal.run.budget import speeds as calibration
from zeroreal.run.budget.clock import Speeds
from zeroreal.run.budget.levers import LeverSetting, LeverTable
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
    assert plans[0].settings.generate.steps == 3
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
    ("settings", "keep"),
    [(RunSettings(generate=GenerateSettings(steps=20)), ()), (RunSettings(), ("generate.steps",))],
)
def test_what_the_user_chose_is_kept(settings, keep):
    plans = ranked(settings=settings, keep=keep)
    assert {plan.lever for plan in plans} == {"baseline", "small"}
    assert {plan.settings.generate.steps for plan in plans} == {settings.generate.steps or 12}


def test_a_setting_that_agrees_with_what_the_user_chose_is_considered():
    assert "quick" in {
        plan.lever for plan in ranked(settings=RunSettings(generate=GenerateSettings(steps=3)))
    }


def test_the_number_of_images_that_the_user_chose_is_kept():
    plans = ranked(settings=RunSettings(images_per_class=30))
    assert {plan.images for plan in plans} == {300}
    assert {plan.settings.images_per_class for plan in plans} == {30}
    assert plans[0].lever == "baseline"


def test_memory_limits_the_images():
    plan = ranked(most_images=1009)[0]
    assert plan.images == 1000
    assert plan.settings.images_per_class == 100


@pytest.mark.parametrize(("seconds", "images"), [(60, 190), (55.7, 170), (24.7, 20)])
def test_whole_classes_of_images_are_expected(seconds, images):
    # Less 3 % and 20 s, 0.2 s each: 191, 170.1 and 19.8 images; the least are two a class.
    baseline = [plan for plan in ranked(seconds) if plan.lever == "baseline"]
    if images == 20:
        assert not baseline
    else:
        assert baseline[0].images == images


def test_memory_limits_what_is_planned_beyond_what_is_expected():
    (plan,) = [plan for plan in ranked(most_images=5019) if plan.lever == "baseline"]
    assert plan.images == 4750
    assert plan.settings.images_per_class == 501  # not 475 * 1.25


def test_what_a_lever_costs_is_that_of_its_stages():
    (plan,) = [plan for plan in ranked() if plan.lever == "small"]
    # 950 s for 0.09 + 0.005 + 0.1 s an image.
    assert plan.images == 4870
    assert plan.generate_seconds == pytest.approx(4870 * 0.095)


def test_exactly_as_many_images_as_were_asked_for_may_fit():
    settings = RunSettings(images_per_class=30)
    assert len(ranked(settings=settings, most_images=300)) == 3
    with pytest.raises(InputError, match="too short"):
        ranked(settings=settings, most_images=299)


@pytest.mark.parametrize("lever", [{"generate_size": 64}, {"vae": "tiny", "steps": 4}])
def test_any_lever_of_the_embedded_model_rules_a_setting_out_for_others(lever):
    table = LeverTable((BASELINE, LeverSetting("other", lever, 0.5, 1.0, 1.0)), TABLE.errors)
    for model, levers in ((None, ["other", "baseline"]), ("other", ["baseline"])):
        plans = rank_plans(
            RunSettings(generate=GenerateSettings(model=model)), (), budget(1000), SPEEDS, table
        )
        assert [plan.lever for plan in plans] == levers


def test_levers_of_the_embedded_model_are_not_tried_on_others():
    levers = {
        plan.lever
        for plan in ranked(settings=RunSettings(generate=GenerateSettings(model="other")))
    }
    assert levers == {"baseline", "quick"}


def test_for_other_models_it_is_said_where_the_levers_were_measured(caplog):
    ranked()
    assert not caplog.messages
    ranked(settings=RunSettings(generate=GenerateSettings(model="other")))
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
    # 20 s and 0.1325 s an image, the cheapest's, and 3 % kept back; rounded up.
    assert enough == math.ceil((20 + 0.1325 * images) / 0.97)


class Source:
    """Generates nothing, at 0.02 s an image by a false clock, a quarter of it decoding.

    The first call takes `cold` seconds more.
    """

    def __init__(self, clock, cold):
        self.clock, self.cold, self.counts = clock, cold, []
        self.device = torch.device("cpu")
        self.seconds = SimpleNamespace(totals={"text": 1.0, "denoise": 1.0, "decode": 1.0})

    def generate(self, specs):
        self.counts.append(len(specs))
        self.clock[0] += 0.02 * len(specs) + self.cold * (len(self.counts) == 1)
        for stage, share in (("text", 0.1), ("denoise", 0.65), ("decode", 0.25)):
            self.seconds.totals[stage] += share * len(specs)
        self.seconds.totals["denoise"] += self.cold * (len(self.counts) == 1)
        yield from ()


@pytest.mark.parametrize("cold", [0.0, 1.0, 30.0])
def test_calibration_gives_the_seconds_of_an_image_however_slow_the_first_call(monkeypatch, cold):
    clock = [0.0]

    class SteadyTrainer:
        def __init__(self, classifier, **options):
            self.epochs, self.cold = options["settings"].epochs, cold

        def fit(self, images, labels):
            clock[0] += 0.001 * len(images) * self.epochs + self.cold
            self.cold = 0.0

        def predict(self, images):
            clock[0] += 0.0005 * len(images)

    monkeypatch.setattr(calibration, "Trainer", SteadyTrainer)
    monkeypatch.setattr(calibration, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    source = Source(clock, cold)
    speeds = calibration.measure_speeds(
        source,
        range(10_000),
        RunSettings(),
        at_once=8,
        image_size=16,
        test_images=100,
        load=3.0,
    )
    assert source.counts[:2] == [8, 8]
    assert source.counts[2] in (96, 104)  # for about 2 s, at 0.16 s for 8
    assert speeds.denoise == pytest.approx(0.015)
    assert speeds.decode == pytest.approx(0.005)
    assert speeds.train == pytest.approx(0.016)  # 16 epochs
    assert speeds.load == 3.0
    assert 0.05 < speeds.finish < 5.0
