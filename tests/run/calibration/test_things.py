"""What is off the classes and can be asked of a model."""

import pytest

from zeroreal.base import InputError
from zeroreal.generate import ClassName, load_recipe, parse_classes
from zeroreal.run.calibration.things import (
    other_things,
    plan_of_pairs,
    plan_of_things,
    varied,
)

PETS = parse_classes(["cat", "hound: small dog", "bird"])


def names(things):
    return [thing.name for thing in things]


def test_the_shipped_things_are_many_and_none_is_a_class():
    found = names(other_things(PETS))
    assert 100 < len(found) < 150
    assert len(set(found)) == len(found)
    assert not {"cat", "dog"} & set(found)
    assert {"cow", "piano"} <= set(found)


@pytest.mark.parametrize(
    ("thing", "is_left"),
    [
        ("cat", False),
        ("Cat", False),
        ("black cat", False),  # a cat
        ("dog", False),  # a small dog is one
        ("hound", False),
        ("category", True),
        ("cattle", True),
    ],
)
def test_words_decide_what_is_a_class(thing, is_left):
    assert names(other_things(PETS, [thing, "anchor"])) == [thing, "anchor"][not is_left :]


def test_nothing_but_classes_is_refused():
    with pytest.raises(InputError, match="of 2 other things none is left"):
        other_things(PETS, ["cat", " "])


def test_things_get_the_prompts_of_the_recipe_and_new_ones_for_another_seed():
    things = tuple(ClassName(name, name) for name in ("anchor", "elephant", "oak"))
    specs = plan_of_things(load_recipe("base"), things, 6, seed=1)
    assert {spec.prompt for spec in specs} == {
        "an image of an anchor",
        "an image of an elephant",
        "an image of an oak",
    }
    assert len(specs) == 6
    others = plan_of_things(load_recipe("base"), things, 6, seed=2)
    assert not {spec.seed for spec in specs} & {spec.seed for spec in others}


@pytest.mark.parametrize(("count", "pairs"), [(2, 2), (7, 3)])
def test_pairs_are_of_two_classes_in_one_prompt(count, pairs):
    found = [spec.prompt for spec in plan_of_pairs(load_recipe("base"), PETS, count, seed=3)]
    assert len(found) == count
    assert len(set(found)) == pairs
    assert set(found) <= {
        "an image of a cat and a small dog",
        "an image of a cat and a bird",
        "an image of a small dog and a bird",
    }


def guidance(recipe):
    return [leaf.guidance for leaf in recipe.leaves]


def test_the_least_guidance_that_a_recipe_draws_is_taken():
    assert guidance(varied(load_recipe("random-guidance"), None)) == [1.0]
    assert guidance(varied(load_recipe("base"), None)) == [7.5]
    merged = load_recipe("merged")
    assert guidance(varied(merged, None)) == [7.5, 7.5, 1.0]
    assert guidance(varied(merged, (2.0, 2.0))) == [2.0, 2.0, 2.0]
    assert [leaf.prompt for leaf in varied(merged, None).leaves] == [
        leaf.prompt for leaf in merged.leaves
    ]


def test_a_file_of_prompts_for_the_classes_gives_way_to_a_plain_template(tmp_path):
    (tmp_path / "pets.json").write_text('{"cat": ["a cat asleep"], "dog": ["a dog at play"]}')
    recipe = load_recipe(tmp_path / "pets.json", (2.0, 2.0))
    (spec,) = plan_of_things(recipe, (ClassName("oak", "oak"),), 1, seed=0)
    assert (spec.prompt, spec.guidance) == ("a photo of an oak", 2.0)


def test_every_part_of_a_merged_recipe_draws_other_things():
    recipe = load_recipe("merged")
    things = other_things(PETS)
    prompts = [spec.prompt for spec in plan_of_things(recipe, things, 150, seed=0)]
    bare = {thing.name for thing in things}
    assert any(prompt in bare for prompt in prompts)  # of class-prompt
    assert any(" of a" in prompt for prompt in prompts)
