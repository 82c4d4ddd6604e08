"""Attributes of a template: rounds with domains, weights, what does not change, refusals."""

import hashlib
import json
from collections import Counter
from dataclasses import astuple
from itertools import product

import pytest
from recipe_files import recipe_of, shown

from zeroreal.base import InputError
from zeroreal.generate import (
    SamplePlan,
    load_recipe,
    parse_classes,
    possible_prompts,
    prompt_counts,
)
from zeroreal.generate.plan.content import recipe_content
from zeroreal.generate.plan.levels import Levels
from zeroreal.generate.plan.samples import texts_of

CLASSES = parse_classes(["cat", "ankle boot"])
TEMPLATE = 'prompt: "a {domain} of a {attribute} {class}"\n'
BOTH = TEMPLATE + "domains: [photo, sketch]\nattributes: [red, old, small, wet]\n"
ATTRIBUTES = ("red", "old", "small")
ALONE = 'prompt: "a {attribute} {class}"\nattributes: [red, old, small]\n'
TURNS = 'prompt: "a {domain} of a {class}"\ndomains: [photo, sketch, icon]\n'


@pytest.mark.parametrize(
    ("domains", "attributes"), [(2, 4), (4, 2), (3, 2), (1, 5), (6, 4), (5, 1)]
)
@pytest.mark.parametrize("part", [0, 1])
def test_runs_have_each_domain_and_rounds_each_pair_once(domains, attributes, part):
    names = [f"d{n}" for n in range(domains)], [f"a{n}" for n in range(attributes)]
    levels = Levels(names[0], [names[1]] * 3, 7, part, 2)
    size = domains * attributes
    for label in range(3):
        found = [levels.at(label, rank) for rank in range(4 * size)]
        for begin in range(0, len(found), size):
            assert sorted(found[begin : begin + size]) == sorted(product(*names))
        for begin in range(0, len(found), domains):
            run = found[begin : begin + domains]
            assert {domain for domain, _ in run} == {*names[0]}
            counts = Counter(attribute for _, attribute in run)
            most, least = -(-domains // attributes), domains // attributes
            assert all(least <= counts[name] <= most for name in names[1])


def test_orders_differ_by_round_class_and_seed():
    def orders(seed):
        levels = Levels((), ["abcdef"] * 2, seed, 0, 1)
        ranks = [range(6 * lap, 6 * lap + 6) for lap in range(3)]
        return [tuple(levels.at(label, r)[1] for r in lap) for label in (0, 1) for lap in ranks]

    assert len({*orders(0), *orders(1)}) == 12
    assert orders(0) == orders(0)


def test_attributes_alone_take_turns_as_domains_do(tmp_path):
    plan = SamplePlan(recipe_of(tmp_path, ALONE), CLASSES, 31)
    assert {*shown(plan, 1)[:3]} == {f"a{'n' * (a == 'old')} {a} ankle boot" for a in ATTRIBUTES}
    assert list(SamplePlan(plan.recipe, CLASSES, 9)) == plan[:18]
    counts = {one.text.prompt: count for one, count in prompt_counts(plan).items()}
    assert counts == Counter(spec.prompt for spec in plan)
    assert sum(possible_prompts(plan).values()) == pytest.approx(2)


def test_all_pairs_are_encoded_and_counted(tmp_path):
    plan = SamplePlan(recipe_of(tmp_path, BOTH), CLASSES, 21)
    assert {*texts_of(plan)} == {*shown(plan), *shown(plan, 1), ""}
    assert len(texts_of(plan)) == 17
    counts = {one.text.prompt: count for one, count in prompt_counts(plan).items()}
    assert counts == Counter(spec.prompt for spec in plan)


def test_pairs_that_read_the_same_are_one_prompt(tmp_path):
    text = 'prompt: "{domain} {attribute} {class}"\ndomains: [a, a b]\nattributes: [c, b c]\n'
    for weights in ("", "weights: {a: 1}\n"):
        plan = SamplePlan(recipe_of(tmp_path, text + weights), CLASSES, 400)
        shares = {one.text.prompt: share for one, share in possible_prompts(plan).items()}
        assert shares["a b c cat"] == pytest.approx(0.5)
        assert Counter(shown(plan))["a b c cat"] == pytest.approx(200, abs=3)
        counts = {one.text.prompt: count for one, count in prompt_counts(plan).items()}
        assert counts == Counter(spec.prompt for spec in plan)


def test_a_pair_comes_as_often_as_the_product_of_its_weights(tmp_path):
    text = BOTH + "weights: {photo: 3, red: 2, wet: 0}\n"
    plan = SamplePlan(recipe_of(tmp_path, text), CLASSES, 1_600)
    counts = Counter(shown(plan))
    assert len(counts) == 6
    assert counts["a photo of a red cat"] == pytest.approx(600, abs=3)
    assert counts["a sketch of a small cat"] == pytest.approx(100, abs=3)
    assert not any("wet" in one for one in texts_of(plan))


def test_attributes_are_another_recipe(tmp_path):
    texts = ("red, old", "old, red", "red")
    template = 'prompt: "a {attribute} {class}"\nattributes: '
    contents = [recipe_content(recipe_of(tmp_path, f"{template}[{one}]\n")) for one in texts]
    assert len({json.dumps(one) for one in contents}) == 3
    assert all("attributes" not in one for one in recipe_content(load_recipe("merged"))["leaves"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('prompt: "a {attribute} {class}"', "field {attribute} and the list `attributes` go toge"),
        ('prompt: "a {class}"\nattributes: [red]', "field {attribute} and the list `attributes`"),
        ('prompt: "a {atribute} {class}"', "did you mean 'attribute'"),
        ('prompt: "a {attribute} {class}"\nattributes: [red, red]', "`attributes` has an empty or"),
        ('prompt: "a {attribute} {class}"\nattributes: [red, " "]', "`attributes` has an empty or"),
        ('prompt: "a {attribute} {class}"\nattributes: red', "'red' is no list of texts: write [r"),
        (ALONE + "weights: {redd: 2}", "names 'redd', which is not there: known are red, old, sm"),
        (BOTH + "weights: {photo: 0, sketch: 0}", "all `weights` are 0 of the list with 'photo'"),
        (BOTH + "weights: {red: 0, old: 0, small: 0, wet: 0}", "0 of the list with 'red'"),
        (
            TEMPLATE + "domains: [red, photo]\nattributes: [red]\nweights: {red: 2}",
            "`weights` names 'red', which is a domain and an attribute: rename one",
        ),
        ("prompts: p.json\nattributes: [red]", "a recipe with `prompts` takes no attributes"),
        ("merge: [base]\nattributes: [red]", "a recipe with `merge` takes no attributes"),
        (f'{ALONE}negative_prompt: ""\ndomains: [photo]', "the field {domain} and the list"),
    ],
)
def test_attributes_that_cannot_be_used_are_refused(tmp_path, text, complaint):
    with pytest.raises(InputError) as caught:
        recipe_of(tmp_path, text)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_pairs_than_a_limit_are_refused_before_any_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROREAL_MAX_VALUES", "60")
    names = ", ".join(f"n{number}" for number in range(20))
    text = f"{TEMPLATE}domains: [{names}]\nattributes: [red, old, small, wet]\n"
    with pytest.raises(InputError, match="each with each of `attributes`, has 80 values, and the"):
        recipe_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (TURNS, "cdfa8c260d5cfc7c"),
        (TURNS + "weights: {photo: 3, icon: 0.5}\n", "057ca73cafcfcda3"),
        (BOTH, "d94efe0bd1061d88"),
        (BOTH + "weights: {photo: 3, old: 0.5}\n", "9d0e95516c312195"),
        ("prompts: p.json\n", "8b99b4cd25f3d0cb"),
        ("merge: [multi-domain, p.json]\n", "b92f2ee1caf55c01"),
    ],
)
def test_recipes_without_attributes_of_classes_give_the_images_of_before(tmp_path, text, digest):
    rows = '{"cat": ["a cat", {"prompt": "b", "weight": 2.5}], "ankle boot": ["c"]}'
    (tmp_path / "p.json").write_text(rows)
    plan = SamplePlan(recipe_of(tmp_path, text), CLASSES, 60, 7)
    content = json.dumps([astuple(spec)[:7] for spec in plan])  # up to the language
    assert hashlib.sha256(content.encode()).hexdigest().startswith(digest)
