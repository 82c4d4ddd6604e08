"""Sample specs as pure functions of (recipe, classes, seed, index), and their statistics."""

from collections import Counter
from math import inf, nan
from statistics import mean

import pytest

from zeroreal.base import InputError
from zeroreal.generate import Recipe, SamplePlan, load_recipe, parse_classes
from zeroreal.generate.plan.philox import Stream, words
from zeroreal.generate.plan.prompts import fill
from zeroreal.generate.plan.samples import SampleSpec

CLASSES = parse_classes(["cat", "dog"])


def plan(recipe, images_per_class=5_000, seed=0):
    recipe = load_recipe(recipe) if isinstance(recipe, str) else recipe
    return SamplePlan(recipe, CLASSES, images_per_class, seed)


def test_integer_guidance_is_uniform_over_1_to_5():
    counts = Counter(spec.guidance for spec in plan("random-guidance"))
    assert set(counts) == {1, 2, 3, 4, 5}
    # Chi-squared with 4 degrees of freedom: 18.5 is exceeded once in a thousand seeds.
    assert sum((count - 2_000) ** 2 / 2_000 for count in counts.values()) < 18.5


def test_real_guidance_is_uniform_between_its_bounds():
    recipe = Recipe.model_validate({"prompt": "{class}", "guidance": {"uniform": [1, 5]}})
    drawn = [spec.guidance for spec in plan(recipe)]
    assert min(drawn) >= 1
    assert max(drawn) < 5
    assert mean(drawn) == pytest.approx(3, abs=0.05)
    quarters = Counter(int(value - 1) for value in drawn)
    assert all(abs(quarters[quarter] - 2_500) < 200 for quarter in range(4))


def test_guidance_is_independent_of_the_label():
    by_label = [[s.guidance for s in plan("random-guidance") if s.label == i] for i in (0, 1)]
    assert mean(by_label[0]) == pytest.approx(mean(by_label[1]), abs=0.1)


def test_a_spec_does_not_depend_on_how_it_is_reached_or_how_many_there_are():
    long, short = plan("merged"), plan("merged", images_per_class=40)
    assert list(short) == long[:80]
    assert long[77] == list(short)[77]


def test_labels_are_balanced_in_every_prefix():
    assert [spec.label for spec in plan("base")[:6]] == [0, 1, 0, 1, 0, 1]


def test_seeds_are_distinct_and_follow_the_global_seed():
    seeds = {spec.seed for spec in plan("base")}
    assert len(seeds) == 10_000
    assert seeds.isdisjoint(spec.seed for spec in plan("base", seed=1))
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_an_index_outside_the_plan_is_an_index_error():
    two = plan("base", images_per_class=1)
    assert two[1].index == 1
    for index in (2, -1):
        with pytest.raises(IndexError, match=f"sample {index} of a plan of 2"):
            two[index]


@pytest.mark.parametrize(
    ("count", "seed", "complaint"),
    [
        (0, 0, "images per class is 0: at least 1"),
        (1, -1, "seed -1 is outside"),
        (1, 2**64, f"seed {2**64} is outside"),
    ],
)
def test_counts_and_seeds_are_checked(count, seed, complaint):
    with pytest.raises(InputError, match=complaint):
        plan("base", images_per_class=count, seed=seed)


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_one_image_and_the_outermost_seeds_are_enough(seed):
    assert len(list(plan("base", images_per_class=1, seed=seed))) == 2


def test_seeds_and_guidance_are_the_words_of_their_streams():
    recipe = Recipe.model_validate({"prompt": "{class}", "guidance": {"uniform": [1, 5]}})
    for index in (0, 7):
        high, low, *_ = words(3, index, Stream.NOISE)
        spec = plan(recipe, seed=3)[index]
        assert spec.seed == (high * 2**32 + low) % 2**63
        assert spec.guidance == 1 + 4 * (words(3, index, Stream.GUIDANCE)[0] / 2**32)


def test_the_seed_is_0_unless_given():
    assert SamplePlan(load_recipe("base"), CLASSES, 3)[:] == plan("base", 3, seed=0)[:]


def test_a_plan_is_a_sequence():
    whole = plan("merged", images_per_class=6)
    assert len(whole) == 12
    assert whole[3:9:2] == [whole[3], whole[5], whole[7]]
    assert [spec.index for spec in whole] == list(range(12))
    assert whole.classes == CLASSES
    assert not whole[0].negative_prompt


@pytest.mark.parametrize("parts", [1, 2])
def test_every_class_has_every_domain_once_a_round_whatever_the_parts(parts):
    domains = ["photo", "sketch", "poster"]
    leaf = Recipe.model_validate({"prompt": "a {domain} of {class}", "domains": domains})
    recipe = leaf if parts == 1 else Recipe(merge=("a", "b"), parts=(leaf, leaf))
    specs = list(SamplePlan(recipe, parse_classes(["cat", "dog", "eel"]), 90))
    orders = set()
    for label in range(3):
        own = [spec.prompt.split()[1] for spec in specs if spec.label == label]
        for part in range(parts):
            of_part = own[part::parts]
            rounds = [tuple(of_part[i : i + 3]) for i in range(0, len(of_part), 3)]
            assert all(sorted(order) == sorted(domains) for order in rounds)
            orders |= {*rounds}
    assert len(orders) == 6, "all orders of three occur"


@pytest.mark.parametrize("guidance", [nan, inf, -inf])
def test_guidance_of_an_image_that_is_no_number_is_refused(guidance):
    with pytest.raises(InputError, match=f"guidance of image 3 is {guidance}: give a number"):
        SampleSpec(3, 0, "a cat", "", guidance, 0)


@pytest.mark.parametrize(
    "recipe",
    [
        load_recipe("merged"),
        Recipe(prompt="a {domain} of a {class}", domains=("map", "ink"), weights={"ink": 3}),
    ],
    ids=["in turn", "by weight"],
)
def test_a_spec_says_what_its_prompt_was_made_from(recipe):
    for spec in plan(recipe, 40):
        filled = fill(spec.template, CLASSES[spec.label].prompt, spec.domain)
        assert filled == spec.prompt
        assert spec.domain in spec.prompt
    assert {spec.domain for spec in plan(recipe, 40)} == {
        domain for leaf in recipe.leaves for domain in leaf.domains or ("",)
    }
