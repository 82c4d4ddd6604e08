"""What is counted of a shard's images, and into which levels guidance falls."""

import pytest

from zeroreal.base import InputError
from zeroreal.generate.dataset.commit.record import GroupFacts, merged_groups
from zeroreal.generate.dataset.writing.tally import GuidanceLevels, Tally
from zeroreal.generate.plan.content import recipe_content
from zeroreal.generate.plan.recipe import Recipe, load_recipe


def levels(guidance):
    return GuidanceLevels({"leaves": [{"guidance": one} for one in guidance]})


def drawn(low, high, integers=False):
    return {"uniform": [low, high], "integers": integers}


@pytest.mark.parametrize(
    ("guidance", "named"),
    [
        ([7.5], {7.5: "7.5"}),
        ([drawn(1, 5, integers=True), 7.5], {1: "1", 4: "4", 7.5: "7.5"}),
        ([drawn(1, 5)], {1: "1 to 2", 1.99: "1 to 2", 2: "2 to 3", 4.5: "4 to 5", 5: "4 to 5"}),
        ([drawn(1, 20, integers=True), 21], {1: "1 to 6", 6: "6 to 11", 21: "16 to 21"}),
        ([drawn(3, 3)], {3: "3"}),
    ],
)
def test_levels_are_the_recipes_own_where_these_are_few_and_else_quarters(guidance, named):
    found = levels(guidance)
    assert {scale: found(scale) for scale in named} == named


def test_levels_are_read_from_what_a_dataset_keeps_of_its_recipe():
    assert GuidanceLevels(recipe_content(load_recipe("merged")))(7.5) == "7.5"
    recipe = Recipe(prompt="{class}", guidance={"uniform": [1, 9]})
    assert GuidanceLevels(recipe_content(recipe))(8) == "7 to 9"


def row(name, domain, guidance, *rejected):
    return {"class": name, "domain": domain, "guidance": guidance, "rejected": list(rejected)}


def test_images_are_counted_by_class_domain_and_guidance():
    tally = Tally({"leaves": [{"guidance": 1.0}, {"guidance": 3.0}]})
    tally.add(row("cat", "photo", 1.0))
    tally.add(row("cat", "sketch", 3.0, "blank", "dull", "dull"), "dull")
    tally.add(row("dog", "sketch", 1.0, "dull"))
    assert tally.classes == {"cat": 2, "dog": 1}
    assert tally.rejected == {"cat": {"blank": 1, "dull": 2}, "dog": {"dull": 1}}
    assert tally.kept == {"cat": {"dull": 1}}
    assert tally.groups == {
        "domain": {
            "photo": GroupFacts(1, {}),
            "sketch": GroupFacts(2, {"blank": 1, "dull": 3}),
        },
        "guidance": {"1": GroupFacts(2, {"dull": 1}), "3": GroupFacts(1, {"blank": 1, "dull": 2})},
    }


def test_groups_of_several_shards_add_up():
    one = {"domain": {"photo": GroupFacts(2, {"dull": 1}), "sketch": GroupFacts(1)}}
    other = {"domain": {"photo": GroupFacts(3, {"dull": 4, "nan": 1})}}
    assert merged_groups([one, {}, other]) == {
        "domain": {"photo": GroupFacts(5, {"dull": 5, "nan": 1}), "sketch": GroupFacts(1)}
    }


@pytest.mark.parametrize("recipe", [{}, {"leaves": [{}]}, {"leaves": [{"guidance": "strong"}]}])
def test_a_damaged_recipe_is_said(recipe):
    with pytest.raises(InputError, match=r"the recipe in dataset\.yaml .*; restore that file"):
        Tally(recipe)
