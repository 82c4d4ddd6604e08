"""How the steps of a run call the model: where guidance acts, how often the whole UNet runs."""

import math

import pytest

from zeroreal.base import InputError
from zeroreal.generate.sampling.steps import Call, guided_steps, parse_interval, plan_calls


def test_the_whole_unet_runs_as_often_as_asked_and_where_guidance_begins():
    everywhere = plan_calls([True] * 7, full_every=3)
    assert [call.full for call in everywhere] == [True, False, False, True, False, False, True]
    interval = plan_calls([False, False, True, True, True, False], full_every=4)
    assert [call.full for call in interval] == [True, False, True, False, False, False]


def test_negative_prompts_have_deep_features_only_since_the_last_full_step_with_guidance():
    calls = plan_calls([True, True, False, False, True, True], full_every=3)
    # The fourth step runs in full without guidance, so the fifth must again.
    assert [call.full for call in calls] == [True, False, False, True, True, False]


def test_calls_are_guided_where_guidance_acts():
    guided = [False, True, True, False]
    assert [call.guided for call in plan_calls(guided, full_every=2)] == guided


def test_every_step_is_full_unless_asked_otherwise():
    assert plan_calls([True, False, True]) == [Call(True), Call(False), Call(True)]
    assert Call(guided=False).full


def test_guidance_acts_at_the_noise_levels_inside_the_interval():
    levels = [14.6, 5.0, 1.2, 0.3, 0.03]
    assert guided_steps(levels, (0.28, 5.0)) == [False, True, True, True, False]


def test_the_bounds_of_an_interval_belong_to_it():
    assert guided_steps([5.0, 1.0, 0.5, 0.0], (0.5, 1.0)) == [False, True, True, False]
    assert guided_steps([5.0, 0.0], (0, 0.5)) == [False, True]


@pytest.mark.parametrize(
    ("interval", "complaint"),
    [
        ((5.0, 0.3), "5 to 0.3 is upside down"),
        ((1.0, 1.0), "1 to 1 is upside down"),
        ((-1, 2), "-1 to 2 is upside down"),
        ((math.nan, 2), "nan to 2 is upside down"),
        ((20, 30), "20 to 30 holds no step: the noise levels here are 14.6 down to 1.2"),
    ],
)
def test_an_interval_that_is_none_gets_one_sentence(interval, complaint):
    with pytest.raises(InputError, match=complaint):
        guided_steps([14.6, 5.0, 1.2], interval)


def test_an_interval_is_written_as_two_numbers_with_a_colon():
    assert parse_interval("0.3:5") == (0.3, 5.0)


@pytest.mark.parametrize("text", ["", "5", "1:2:3", "low:high", "0.3-5"])
def test_anything_else_gets_an_example(text):
    with pytest.raises(InputError, match=r"give two noise levels such as 0\.3:5"):
        parse_interval(text)
