"""Weights of a recipe's domains by real images, and the recipe that is written."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from zeroreal.assets import FASHION_MNIST_TEST
from zeroreal.assets.embedded import EMBEDDED_CLASSES as GARMENTS
from zeroreal.base import InputError
from zeroreal.data.source import load_unlabelled
from zeroreal.encoders import load_encoder
from zeroreal.generate import SamplePlan, load_recipe, parse_classes
from zeroreal.generate.plan.prompts import fill
from zeroreal.run.weighted_prompts.settings import WeightedPromptsSettings
from zeroreal.run.weighted_prompts.weighted import weighted_recipe

CPU = torch.device("cpu")


def settings(**changes):
    kept = {"recipe": "multi-domain", "prompt_weights": "zpe", "unlabelled": "x", "device": "cpu"}
    return WeightedPromptsSettings(**{**kept, **changes})


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    few = tmp_path_factory.mktemp("real") / "few.parquet"
    pq.write_table(pq.read_table(FASHION_MNIST_TEST).slice(0, 200), few)
    return str(few)


@pytest.fixture(scope="module")
def weights_by_hand(photographs):
    """Of each domain by the paper's formula, image by image and class by class."""
    encoder, recipe = load_encoder("embedded", CPU), load_recipe("multi-domain")
    images = encoder.embed_images(load_unlabelled(photographs, 32)).numpy()
    scores = []
    for domain in recipe.domains:
        texts = [fill(recipe.prompt, item.prompt, domain) for item in parse_classes(GARMENTS)]
        logits = encoder.scale * images @ encoder.embed_texts(texts).numpy().T
        scores.append((logits - logits.mean(axis=0)).max(axis=1).mean())
    weights = np.exp(np.array(scores) / 0.5)
    return dict(zip(recipe.domains, weights / weights.sum(), strict=True))


def test_images_weigh_the_domains_and_what_is_generated_follows(photographs, weights_by_hand):
    recipe = weighted_recipe(settings(unlabelled=photographs, prompt_temperature=0.5))
    assert recipe.weights == pytest.approx(weights_by_hand, rel=0.01)
    assert max(recipe.weights.values()) > 3 * min(recipe.weights.values())
    prompts = [spec.prompt for spec in SamplePlan(recipe, parse_classes(["coat", "bag"]), 1_000)]
    for domain, weight in recipe.weights.items():
        share = sum(prompt.startswith(f"a {domain} of") for prompt in prompts) / 2_000
        assert share == pytest.approx(weight, abs=0.01)


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        ("base", "recipe 'base' has no `domains`, so that there is nothing to weigh: give one"),
        ("merged", "recipe 'merged' merges others, so that there is nothing to weigh: give one"),
    ],
)
def test_a_recipe_without_domains_is_refused(recipe, complaint):
    with pytest.raises(InputError, match=complaint):
        weighted_recipe(settings(recipe=recipe))


def test_a_recipe_with_attributes_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        'prompt: "a {domain} of a {attribute} {class}"\ndomains: [photo]\nattributes: [red]\n'
    )
    with pytest.raises(InputError, match="has `attributes`, and images weigh domains alone: leave"):
        weighted_recipe(settings(recipe=str(path)))


def test_classes_that_the_encoder_does_not_know_are_refused():
    with pytest.raises(InputError, match="and not 'cat': name another with --encoder"):
        weighted_recipe(settings(classes=("cat", "dog")))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"unlabelled": None}, "'zpe' follow from real images, and none were given: name some"),
        ({"prompt_weights": None}, "--unlabelled was given, but no weights that it decides"),
        ({"prompt_weights": None, "unlabelled": None, "encoder": "x"}, "--encoder was given"),
        ({"prompt_weights": "1,2"}, "'1,2' are not 'zpe': write numbers into the recipe"),
        ({"prompt_temperature": -1.0}, "prompt temperature is -1.0"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, complaint):
    with pytest.raises(InputError, match=complaint):
        settings(**changes)
