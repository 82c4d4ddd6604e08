"""Caps on weights, as MetaCLIP balances entries: min(weight, cap), identity and refusals."""

import json
from collections import Counter

import pytest

from zeroreal.base import InputError
from zeroreal.generate import SamplePlan, load_recipe, parse_classes, possible_prompts
from zeroreal.generate.plan.content import recipe_content

CLASSES = parse_classes(["cat", "dog"])
DOMAINS = "prompt: a {domain} of a {class}\ndomains: [photo, sketch, poster]\n"
ROWS = {
    "cat": [{"prompt": "a", "weight": 90}, {"prompt": "b", "weight": 10}, "c", "d", "d", "d"],
    "dog": ["x", {"prompt": "y", "weight": 0.5}],
}


def recipe_of(folder, text, name="mine.yaml"):
    (folder / "p.json").write_text(json.dumps(ROWS))
    (folder / name).write_text(text)
    return load_recipe(folder / name)


def shares_of(recipe, label=0):
    found = possible_prompts(SamplePlan(recipe, CLASSES, 10))
    return {one.text.prompt: share for one, share in found.items() if one.label == label}


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        # By hand, p = min(1, t / count) of each count: 90, 10, 1, and 1 three times.
        (10, {"a": 10 / 24, "b": 10 / 24, "c": 1 / 24, "d": 3 / 24}),
        (2.5, {"a": 2.5 / 8.5, "b": 2.5 / 8.5, "c": 1 / 8.5, "d": 2.5 / 8.5}),
        (0.25, {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}),
        (1e6, {"a": 90 / 104, "b": 10 / 104, "c": 1 / 104, "d": 3 / 104}),
    ],
)
def test_a_prompt_of_a_file_weighs_no_more_than_the_cap(tmp_path, cap, expected):
    recipe = recipe_of(tmp_path, f"prompts: p.json\ncap: {cap!r}\n")
    assert shares_of(recipe) == pytest.approx(expected)
    counts = Counter(spec.prompt for spec in SamplePlan(recipe, CLASSES, 500) if not spec.label)
    assert counts == pytest.approx({one: 500 * share for one, share in expected.items()}, abs=3)


def test_each_class_has_the_cap_for_itself(tmp_path):
    recipe = recipe_of(tmp_path, "prompts: p.json\ncap: 1\n")
    assert shares_of(recipe, 1) == pytest.approx({"x": 2 / 3, "y": 1 / 3})


def test_domains_and_attributes_weigh_no_more_than_the_cap(tmp_path):
    text = (
        "prompt: a {domain} of a {attribute} {class}\ndomains: [photo, sketch]\n"
        "attributes: [red, old]\nweights: {photo: 9, red: 0.5, old: 4}\ncap: 3\n"
    )
    expected = {"photo of a red": 1.5, "photo of an old": 9, "sketch of a red": 0.5}
    found = shares_of(recipe_of(tmp_path, text))
    for words, weight in expected.items():
        assert found[f"a {words} cat"] == pytest.approx(weight / 14)


def test_what_a_cap_makes_of_weights_is_what_counts(tmp_path):
    capped = recipe_of(tmp_path, DOMAINS + "weights: {photo: 8, poster: 0.5}\ncap: 2\n")
    written = recipe_of(tmp_path, DOMAINS + "weights: {photo: 2, poster: 0.5}\n")
    assert list(SamplePlan(capped, CLASSES, 50)) == list(SamplePlan(written, CLASSES, 50))
    assert recipe_content(capped) == recipe_content(written)


def test_another_cap_on_a_file_is_another_recipe_and_none_changes_nothing(tmp_path):
    texts = ("", "cap: 3\n", "cap: 4\n")
    contents = [recipe_content(recipe_of(tmp_path, f"prompts: p.json\n{one}")) for one in texts]
    assert len({json.dumps(one) for one in contents}) == 3
    assert "cap" not in contents[0]["leaves"][0]


@pytest.mark.parametrize("cap", ["0", "-1", ".nan", ".inf", "-.inf"])
@pytest.mark.parametrize("text", [DOMAINS + "weights: {photo: 2}\n", "prompts: p.json\n"])
def test_a_cap_that_is_no_number_above_0_is_refused(tmp_path, text, cap):
    with pytest.raises(InputError, match=r"mine.yaml': cap \S+ is not above 0 or not finite: "):
        recipe_of(tmp_path, f"{text}cap: {cap}\n")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (DOMAINS + "cap: 2", "cap 2 is of `weights`, and there are none: add some or remove it"),
        ("prompts: p.json\ncap: high", "cap: Input should be a valid number"),
        ("prompts: p.json\ncap: true", "cap: Input should be a valid number"),
        ("merge: [base, class-prompt]\ncap: 2", "a recipe with `merge` takes no cap"),
    ],
)
def test_a_cap_that_limits_nothing_is_refused(tmp_path, text, complaint):
    with pytest.raises(InputError, match=complaint):
        recipe_of(tmp_path, text)
