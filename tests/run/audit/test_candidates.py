"""Candidates as people write them."""

import pytest

from zeroreal.base import InputError
from zeroreal.generate import load_recipe
from zeroreal.generate.plan.content import recipe_content
from zeroreal.generate.settings import GenerateSettings
from zeroreal.run.audit.candidates import parse_candidates

BASE = GenerateSettings(engine="torch", precision="fp32", unet="own")


def parsed(*texts):
    return parse_candidates(texts, BASE)


def test_a_recipe_alone_has_the_settings_that_all_have_in_common():
    (one,) = parsed("base")
    assert (one.name, one.generate, one.images) == ("base", BASE, None)
    assert recipe_content(one.recipe) == recipe_content(load_recipe("base"))


def test_settings_are_read_as_the_options_are():
    text = "base,guidance=1:3,steps=8,guidance-interval=0.3:5,generate_size=24x16,cuda-graphs=false"
    (one,) = parsed(f"{text},lora=a.safetensors")
    found = one.generate
    assert (one.recipe.guidance.uniform, found.steps) == ((1, 3), 8)
    assert (found.guidance_interval, found.generate_size) == ((0.3, 5.0), (24, 16))
    assert (found.cuda_graphs, found.lora) == (False, ("a.safetensors",))
    assert (found.engine, found.unet) == ("torch", "own")


def test_without_a_recipe_it_is_that_of_a_run():
    (one,) = parsed("steps=8")
    assert (one.recipe.name, one.generate.steps) == ("random-guidance", 8)


def test_a_dataset_is_a_candidate():
    (one,) = parsed("images=photos/mine")
    assert (one.images, one.recipe) == ("photos/mine", None)


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["bse"], "unknown recipe 'bse': did you mean 'base'"),
        (["base", "base"], "candidate 'base' is there twice"),
        (["base,8"], "candidate 'base,8' has '8' where a setting and its value were expected"),
        (["base,steps="], "has 'steps=' where a setting"),
        (
            ["base,step=8"],
            "unknown setting of candidate 'base,step=8' 'step': did you mean 'steps'",
        ),
        (["base,steps=8,steps=4"], "has a setting twice"),
        (["base,steps=many"], "candidate 'base,steps=many': steps is 'many': .*integer"),
        (["base,steps=[8"], "steps is '.8': .*integer"),
        (["base,steps=0"], "candidate 'base,steps=0': steps is 0: at least 1"),
        (["base,guidance=lots"], "candidate 'base,guidance=lots': guidance 'lots' is no scale"),
        (["base,images=x"], "names a dataset, .* there already, and how to generate"),
        (
            ["base,unet=few-step,steps=3"],
            "steps=3 was asked for, the distilled UNet serves 4, 2, 1",
        ),
        (["base,model=nowhere"], "'nowhere'"),
        ([""], "unknown recipe ''"),
    ],
)
def test_what_is_no_candidate_is_refused(texts, complaint):
    with pytest.raises(InputError, match=complaint):
        parsed(*texts)
