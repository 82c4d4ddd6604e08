"""Weights of domains and of merged recipes: what images they give, identity and refusals."""

import hashlib
import json
from collections import Counter
from dataclasses import astuple

import pytest
from recipe_files import recipe_of, shown

from zeroreal.base import InputError
from zeroreal.generate import Recipe, SamplePlan, load_recipe, parse_classes, prompt_counts
from zeroreal.generate.plan.content import recipe_content
from zeroreal.generate.plan.samples import texts_of

CLASSES = parse_classes(["cat", "ankle boot"])
DOMAINS = "prompt: a {domain} of a {class}\ndomains: [photo, sketch, oil painting]\n"


def test_domains_come_as_often_as_their_weights_say_in_every_prefix(tmp_path):
    recipe = recipe_of(tmp_path, DOMAINS + "weights: {photo: 5, oil painting: 0.5}\n")
    prompts = shown(SamplePlan(recipe, CLASSES, 1_300))
    expected = {"a photo of a cat": 5, "a sketch of a cat": 1, "an oil painting of a cat": 0.5}
    for made in range(1, 1_301):
        counts = Counter(prompts[:made])
        assert counts.keys() <= expected.keys()
        assert all(abs(counts[p] - made * w / 6.5) < 3 for p, w in expected.items())
    assert Counter(prompts).keys() == expected.keys()


def test_a_domain_of_weight_0_is_neither_shown_nor_encoded(tmp_path):
    plan = SamplePlan(recipe_of(tmp_path, DOMAINS + "weights: {sketch: 0}\n"), CLASSES, 40)
    assert not any("sketch" in spec.prompt for spec in plan)
    assert not any("sketch" in text for text in texts_of(plan))
    counts = {one.text.prompt: count for one, count in prompt_counts(plan).items()}
    assert counts == Counter(spec.prompt for spec in plan)


def test_merged_recipes_take_turns_by_their_weights(tmp_path):
    merged = "merge: [class-prompt, base, random-guidance]\n"
    recipe = recipe_of(tmp_path, merged + "weights: {base: 3, random-guidance: 0}\n")
    plan = SamplePlan(recipe, CLASSES, 8)
    # By hand: base at 1/6, 3/6 and 5/6 of the round, the class alone at 1/2, which comes first.
    base = "an image of a cat"
    assert shown(plan) == [base, "cat", base, base] * 2
    assert {spec.guidance for spec in plan} == {7.5}
    assert prompt_counts(plan) == {
        one: 2 if one.text.prompt in ("cat", "ankle boot") else 6 for one in prompt_counts(plan)
    }


def test_a_part_that_comes_often_still_has_all_its_domains(tmp_path):
    (tmp_path / "domains.yaml").write_text(DOMAINS)
    recipe = recipe_of(tmp_path, "merge: [base, domains.yaml]\nweights: {domains.yaml: 2}\n")
    counts = Counter(shown(SamplePlan(recipe, CLASSES, 27)))
    assert counts["an image of a cat"] == 9
    assert {
        counts[f"a{'n' * (d[0] == 'o')} {d} of a cat"] for d in ("photo", "sketch", "oil painting")
    } == {6}


def test_weights_that_are_all_the_same_merge_as_none_do(tmp_path):
    merged = "name: one\nmerge: [multi-domain, base]\n"
    plain = recipe_of(tmp_path, merged)
    same = recipe_of(tmp_path, merged + "weights: {multi-domain: 4, base: 4}\n")
    assert list(SamplePlan(plain, CLASSES, 30)) == list(SamplePlan(same, CLASSES, 30))
    assert recipe_content(plain) == recipe_content(same)


def test_plans_without_weights_are_those_of_before_there_were_any():
    plan = SamplePlan(load_recipe("merged"), CLASSES, 60, 7)
    content = [astuple(spec)[:7] for spec in plan]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    assert digest.startswith("fb5033173fbf60df")
    assert all("weights" not in leaf for leaf in recipe_content(load_recipe("merged"))["leaves"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("weights: {photo: 2}\n", "weights: {photo: 3}\n"),
        ("", "weights: {photo: 2}\n"),
        ("weights: {photo: 2}\n", "weights: {sketch: 2}\n"),
    ],
)
def test_another_weight_is_another_recipe(tmp_path, one, other):
    contents = [recipe_content(recipe_of(tmp_path, DOMAINS + text)) for text in (one, other)]
    assert contents[0] != contents[1]
    assert json.loads(json.dumps(contents)) == contents


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (DOMAINS + "weights: {photo: -1}", r"weight -1 of 'photo' is below 0 or not finite"),
        (DOMAINS + "weights: {photo: .nan}", r"weight nan of 'photo' is below 0 or not finite"),
        (DOMAINS + "weights: {photo: 0, sketch: 0, oil painting: 0}", "all `weights` are 0"),
        (DOMAINS + "weights: {foto: 1}", "names 'foto', which is not there: known are photo, sk"),
        (DOMAINS + "weights: {photo: many}", r"weights\.photo: Input should be a valid number"),
        (DOMAINS + "weights: {photo: true}", r"weights\.photo: Input should be a valid number"),
        (DOMAINS + "weights: [1, 2, 3]", "weights: Input should be a valid dictionary"),
        ("prompt: a {class}\nweights: {photo: 1}", "there are no `domains`"),
        ("prompts: mine.json\nweights: {photo: 1}", "a recipe with `prompts` takes no weights"),
        ("merge: [base, class-prompt]\nweights: {base: 0.5}", "recipes take whole numbers, 0 to"),
        ("merge: [base, class-prompt]\nweights: {bass: 2}", "known are base, class-prompt"),
        ("merge: [base]\nweights: {base: 0}", "all `weights` are 0"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(tmp_path, text, complaint):
    with pytest.raises(InputError, match=complaint):
        recipe_of(tmp_path, text)


def test_nested_weights_come_under_the_limit_of_parts(tmp_path):
    recipe_of(tmp_path, "merge: [base, class-prompt]\nweights: {base: 100}\n", "0.yaml")
    for depth in range(1, 4):
        text = f"merge: [{depth - 1}.yaml, base]\nweights: {{{depth - 1}.yaml: 100}}\n"
        (tmp_path / f"{depth}.yaml").write_text(text)
    with pytest.raises(InputError, match="parts"):
        load_recipe(tmp_path / "3.yaml")


def test_guidance_can_be_changed_beside_weights(tmp_path):
    recipe = recipe_of(tmp_path, DOMAINS + "weights: {photo: 5}\n").with_guidance((2.0, 2.0))
    assert isinstance(recipe, Recipe)
    plan = SamplePlan(recipe, CLASSES, 70)
    assert {spec.guidance for spec in plan} == {2.0}
    assert Counter(shown(plan))["a photo of a cat"] == pytest.approx(50, abs=3)
