"""Sample specs as pure functions of (recipe, classes, seed, index), and their statistics."""

from collections import Counter
from statistics import mean

import pytest

from zeroreal.base import InputError
from zeroreal.generate import Recipe, SamplePlan, load_recipe, parse_classes
from zeroreal.generate.plan.philox import philox4x32

CLASSES = parse_classes(["cat", "dog"])


def plan(recipe, images_per_class=5_000, seed=0):
    recipe = load_recipe(recipe) if isinstance(recipe, str) else recipe
    return SamplePlan(recipe, CLASSES, images_per_class, seed)


def test_philox_matches_the_known_answers_of_its_authors():
    # kat_vectors of the Random123 distribution, philox4x32-10.
    ones, pi = 0xFFFFFFFF, (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    assert philox4x32((0, 0, 0, 0), (0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert philox4x32((ones,) * 4, (ones, ones)) == (
        0x408F276D,
        0x41C83B0E,
        0xA20BC7C6,
        0x6D5451FD,
    )
    assert philox4x32(pi, (0xA4093822, 0x299F31D0)) == (
        0xD16CFE09,
        0x94FDCCEB,
        0x5001E420,
        0x24126EA1,
    )


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
    with pytest.raises(IndexError):
        plan("base", images_per_class=1)[2]


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (1, -1), (1, 2**64)])
def test_counts_and_seeds_are_checked(count, seed):
    with pytest.raises(InputError):
        plan("base", images_per_class=count, seed=seed)
