"""Settings of the generator: what is out of range, and what decides the speed."""

import pytest

from zeroreal.base import InputError
from zeroreal.base.settings import values_of
from zeroreal.generate import GenerateSettings

COUNTS = ("steps", "batch_size", "vae_batch_size", "deep_cache", "memory")
SIDES = ("image_size", "generate_size")


@pytest.mark.parametrize("name", COUNTS)
def test_numbers_start_at_one(name):
    assert getattr(GenerateSettings(**{name: 1}), name) == 1
    with pytest.raises(InputError, match=f"{name.replace('_', ' ')} is 0: at least 1 is needed"):
        GenerateSettings(**{name: 0})


@pytest.mark.parametrize("name", SIDES)
def test_sides_start_at_eight_pixels(name):
    assert getattr(GenerateSettings(**{name: 8}), name) == 8
    with pytest.raises(InputError, match=f"{name.replace('_', ' ')} is 7: at least 8 pixels"):
        GenerateSettings(**{name: 7})


def test_a_size_that_is_not_square_is_height_and_width():
    assert GenerateSettings(generate_size=(24, 16)).generate_size == (24, 16)
    assert GenerateSettings(generate_size=(24, 24)) == GenerateSettings(generate_size=24)
    with pytest.raises(InputError, match="generate size is 24x7: at least 8 pixels a side"):
        GenerateSettings(generate_size=(24, 7))


def test_an_unknown_tuning_names_those_that_are():
    with pytest.raises(InputError, match=r"unknown tuning 'on'.*auto, off"):
        GenerateSettings(tune="on")
    assert GenerateSettings(tune="off").tune == "off"


def test_the_defaults_are_those_that_the_figures_were_measured_with():
    settings = GenerateSettings()
    assert (settings.first_steps, settings.deep_cache, settings.tune) == (0, 1, "auto")
    assert (settings.engine, settings.precision, settings.attention) == ("auto",) * 3
    left_open = ("model", "cuda_graphs", "scheduler", "unet", "steps")
    left_open += ("negative_prompt", "vae", *SIDES)
    assert [getattr(settings, name) for name in left_open] == [None] * 9
    assert (settings.batch_size, settings.vae_batch_size, settings.memory) == (None,) * 3
    assert settings.guidance_interval is None


def test_what_does_not_decide_the_speed_is_not_tuned_anew():
    without = {v.path[0] for v in values_of(GenerateSettings) if not v.option.decides_speed}
    assert without == {
        *("negative_prompt", "image_size", "tune", "guidance_interval"),
        *("variant", "textual_inversion", "clip_skip"),
    }
