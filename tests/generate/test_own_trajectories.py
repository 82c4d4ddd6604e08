"""What is recorded along a model's own trajectories, against the trajectories themselves."""

from dataclasses import replace

import pytest
import torch

from zeroreal.assets.embedded import EMBEDDED_CLASSES
from zeroreal.engine import Cache
from zeroreal.export import find_model
from zeroreal.export.model.distilled import read_distilled
from zeroreal.export.model.parts import FEW_STEP_UNET, OWN_UNET, PartsChoice
from zeroreal.generate import SamplePlan, load_recipe, parse_classes
from zeroreal.generate.own_trajectories import record_own_steps

CPU = torch.device("cpu")
EMBEDDED = find_model(None)
OWN = PartsChoice(unet=OWN_UNET)


def recorded(parts=OWN, size=(32, 32)):
    return record_own_steps(EMBEDDED, parts, size, CPU, "fp32", Cache())


@pytest.fixture(name="steps", scope="module")
def _steps():
    return recorded()


def test_the_latents_are_those_of_the_generators_trajectories(generator, steps):
    specs = SamplePlan(load_recipe("merged"), parse_classes(EMBEDDED_CLASSES), 3)[::4]
    assert len(steps) == 4 * 12  # eight images, two at once
    for pair in range(4):
        points = generator(steps=12).trajectories(specs[2 * pair : 2 * pair + 2])
        latents = torch.stack([step["latents"] for step in steps[12 * pair : 12 * pair + 12]])
        torch.testing.assert_close(latents, points[:-1], rtol=0, atol=1e-5)


def test_guidance_is_that_of_all_kinds_of_prompts(steps):
    assert len(torch.cat([step["guidance"] for step in steps]).unique()) > 2
    assert max(step["guidance"].max() for step in steps) == 7.5


def test_steps_say_all_that_a_step_without_seeds_takes(steps):
    names = {name for step in steps for name in step}
    assert names == {
        *("latents", "history", "noise", "timestep", "coefficients"),
        *("guidance", "text_embeddings", "rows", "unconditional"),
    }
    assert not any(step["noise"].any() for step in steps)


def test_they_are_the_same_every_time(steps):
    for step, again in zip(steps, recorded(), strict=True):
        assert all(torch.equal(step[name], again[name]) for name in step)


def test_guidance_is_kept_to_what_a_distilled_unet_serves():
    steps = recorded(replace(OWN, unet=FEW_STEP_UNET))
    distilled = read_distilled(EMBEDDED / "few_step_unet")
    assert len(steps) == 4 * distilled.steps[0]
    low, high = distilled.guidance
    assert all(((low <= s["guidance"]) & (s["guidance"] <= high)).all() for s in steps)
    assert not any("rows" in step for step in steps)  # guidance is inside


def test_another_size_is_recorded_at_that_size():
    assert recorded(size=(24, 40))[0]["latents"].shape == (2, 4, 6, 10)
