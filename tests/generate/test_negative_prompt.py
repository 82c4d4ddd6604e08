"""A negative prompt of the settings takes the place of the recipe's."""

import json
from dataclasses import replace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.base.ranks import Ranks
from zeroreal.generate import Generator, SampleSpec
from zeroreal.run import RunSettings
from zeroreal.run.preparation import prepare

SPECS = [
    SampleSpec(0, 0, "a photo of a coat", "", 5.0, 11),
    SampleSpec(1, 1, "a photo of a bag", "a shoe", 3.0, 12),
    SampleSpec(2, 0, "a photo of a coat", "", 1.0, 13),
]


def images(specs, **options):
    made = Generator(
        device="cpu", engine="torch", precision="fp32", steps=2, batch_size=4, tune="off", **options
    )
    return made.images(specs)[0]


def test_it_acts_as_if_every_sample_had_it():
    given = images(SPECS, negative_prompt="a dress")
    expected = images([replace(spec, negative_prompt="a dress") for spec in SPECS])
    assert torch.equal(given, expected)
    own = images(SPECS)
    differs = [(one != other).any() for one, other in zip(given, own, strict=True)]
    assert differs == [True, True, False]  # the third has no guidance


def test_an_empty_one_takes_the_recipe_s_place_too():
    expected = images([replace(spec, negative_prompt="") for spec in SPECS])
    assert torch.equal(images(SPECS, negative_prompt=""), expected)


def test_a_run_without_guidance_has_no_use_for_it(tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text('prompt: "a {class}"\nguidance: 1\n')
    settings = RunSettings(recipe=str(recipe))
    settings = replace(settings, generate=replace(settings.generate, negative_prompt="a dress"))
    with pytest.raises(InputError, match=r"'a dress' was given, but recipe 'mine' has no image"):
        prepare(settings, lambda state: None, Ranks(0, 1))


def test_a_run_says_once_which_prompts_are_too_long_negative_ones_among_them(tmp_path, caplog):
    recipe = tmp_path / "mine.json"
    recipe.write_text(json.dumps({"coat": ["a coat " * 40, "a coat"], "bag": ["a bag"]}))
    settings = RunSettings(
        classes=("coat", "bag"), recipe=str(recipe), images_per_class=4, device="cpu"
    )
    generate = replace(settings.generate, negative_prompt="a dress " * 50, steps=2, tune="off")
    parts = prepare(replace(settings, generate=generate), lambda state: None, Ranks(0, 1))
    assert len(parts.source.images(parts.plan)[1]) == 8
    parts.close()
    said = [record.getMessage() for record in caplog.records if "tokens" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("2 of 4 prompts are cut to the 32 tokens that the model reads; the")
    assert "a dress a dress" in said[0]
