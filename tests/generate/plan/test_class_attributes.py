"""Attributes that each class has of its own: whose they are, how often they come, refusals."""

import json
from collections import Counter

import pytest
from recipe_files import recipe_of, shown

from zeroreal.base import InputError
from zeroreal.generate import SamplePlan, parse_classes, possible_prompts, prompt_counts
from zeroreal.generate.dataset.describing import _attributes
from zeroreal.generate.plan.content import recipe_content
from zeroreal.generate.plan.samples import texts_of

CLASSES = parse_classes(["cat", "ankle_boot: boot", "dog"])
TEMPLATE = 'prompt: "a {domain} of a {attribute} {class}"\ndomains: [photo, sketch]\n'
OWN = "attributes: {dog: [wet], Cat: [fluffy, black, old], boot: [red, old]}\n"


@pytest.mark.parametrize("weights", ["", "weights: {photo: 1}\n"])
def test_each_class_has_every_pair_of_its_own_equally_often(tmp_path, weights):
    plan = SamplePlan(recipe_of(tmp_path, TEMPLATE + OWN + weights), CLASSES, 60, seed=3)
    of_classes = [("fluffy", "black", "old"), ("red", "old"), ("wet",)]
    for label, (item, own) in enumerate(zip(CLASSES, of_classes, strict=True)):
        counts = Counter(shown(plan, label))
        assert {*counts} == {
            f"a {domain} of a{'n' * (one == 'old')} {one} {item.prompt}"
            for domain in ("photo", "sketch")
            for one in own
        }
        for count in counts.values():
            assert count == pytest.approx(60 / len(own) / 2, abs=0 if not weights else 2)
    found = {one.text.prompt: count for one, count in prompt_counts(plan).items()}
    assert found == Counter(spec.prompt for spec in plan)
    assert sum(possible_prompts(plan).values()) == pytest.approx(3)
    assert {spec.attribute for spec in plan if spec.label == 1} == {"red", "old"}


def test_a_weight_counts_in_every_list_that_has_its_attribute(tmp_path):
    text = f"{TEMPLATE}{OWN}weights: {{old: 3, red: 0}}\n"
    plan = SamplePlan(recipe_of(tmp_path, text), CLASSES, 500)
    old = [sum("old" in prompt for prompt in shown(plan, label)) for label in range(3)]
    assert old == pytest.approx([300, 500, 0], abs=3)
    assert not any("red" in one for one in texts_of(plan))


@pytest.mark.parametrize("weights", ["", "weights: {old: 2}\n"])
def test_the_same_list_for_each_class_is_the_list_for_all(tmp_path, weights):
    one = "[red, old, small]"
    each = ", ".join(f"{item.name}: {one}" for item in CLASSES)
    texts = [f"{TEMPLATE}attributes: {own}\n{weights}" for own in (one, f"{{{each}}}")]
    plans = [list(SamplePlan(recipe_of(tmp_path, text), CLASSES, 40, seed=5)) for text in texts]
    assert plans[0] == plans[1]


def test_they_are_in_the_content_that_is_compared(tmp_path):
    texts = (OWN, OWN.replace("wet", "old"), OWN.replace("Cat", "cat"))
    found = [recipe_content(recipe_of(tmp_path, TEMPLATE + text)) for text in texts]
    assert len({json.dumps(one) for one in found}) == 3
    own = {"dog": ["wet"], "Cat": ["fluffy", "black", "old"], "boot": ["red", "old"]}
    assert found[0]["leaves"][0]["attributes"] == own


def test_the_card_of_a_dataset_has_those_of_each_class(tmp_path):
    text = f"{TEMPLATE}{OWN}weights: {{red: 2}}\n"
    assert _attributes(recipe_of(tmp_path, TEMPLATE + OWN)) == (
        "dog: wet",
        "Cat: fluffy / black / old",
        "boot: red / old",
    )
    assert "boot: red (weight 2) / old (weight 1)" in _attributes(recipe_of(tmp_path, text))


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ("{cat: [old], dog: [wet]}", "'mine' has none for class 'ankle_boot': add some, or leave"),
        ("{cat: [old]}", "has none for class 'ankle_boot' and 1 more: add some"),
        (
            "{cat: [old], dog: [wet], boots: [red], boot: [red]}",
            "`attributes` of recipe 'mine': unknown class 'boots'",
        ),
        (
            "{cat: [old], dog: [wet], boot: [red], ankle_boot: [red]}",
            "has the classes 'boot' and 'ankle_boot', which both mean 'ankle_boot'",
        ),
    ],
)
def test_classes_that_are_not_those_of_the_plan_are_refused(tmp_path, attributes, complaint):
    recipe = recipe_of(tmp_path, f"{TEMPLATE}attributes: {attributes}\n")
    with pytest.raises(InputError) as caught:
        SamplePlan(recipe, CLASSES, 1)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("attributes: {cat: old}", "those of 'cat': 'old' is no list of texts: write"),
        ("attributes: {cat: [1]}", "those of 'cat': [1] is no list of texts"),
        ("attributes: {1: [old]}", "names class 1, which is no text: write it in quotes"),
        ("attributes: {cat: []}", "the field {attribute} and the list `attributes` go together"),
        ("attributes: {}", "the field {attribute} and the list `attributes` go together"),
        ("attributes: {cat: [old, old]}", "`attributes` has an empty or repeated entry"),
        (
            "attributes: {cat: [old], dog: [photo]}\nweights: {photo: 2}",
            "a domain and an attribute",
        ),
        ("attributes: {cat: [old], dog: [wet]}\nweights: {wet: 0}", "0 of the list with 'wet'"),
        ("attributes: {cat: [old], dog: [wet]}\nweights: {red: 2}", "known are photo, sketch, old"),
    ],
)
def test_lists_that_cannot_be_used_are_refused(tmp_path, text, complaint):
    with pytest.raises(InputError) as caught:
        recipe_of(tmp_path, f"{TEMPLATE}{text}\n")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
