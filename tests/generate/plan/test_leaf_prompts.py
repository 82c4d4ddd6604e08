"""Plans whose prompts come from files: weights, languages, classes, and what a plan may show."""

import json
from collections import Counter

import pytest

from zeroreal.base import InputError
from zeroreal.generate import (
    PossiblePrompt,
    Recipe,
    SamplePlan,
    SampleSpec,
    load_recipe,
    parse_classes,
    possible_prompts,
    prompt_counts,
)
from zeroreal.generate.plan import samples
from zeroreal.generate.plan.samples import is_counted, texts_of

CLASSES = parse_classes(["cat", "t-shirt: t-shirt/top"])
WEIGHTS = {"a": 1, "b": 2.5, "c": 0.25, "d": 6.25}
CONTENT = {
    "Cat": [{"prompt": name, "weight": weight} for name, weight in WEIGHTS.items()],
    "T shirt": {"en": ["a shirt", "a shirt"], "de": [{"prompt": "ein Hemd", "weight": 2}]},
}


def recipe_of(folder, content=CONTENT, name="mine.json"):
    path = folder / name
    path.write_text(json.dumps(content))
    return load_recipe(path)


def plan_of(folder, images_per_class=1_000, seed=0, classes=CLASSES):
    return SamplePlan(recipe_of(folder), classes, images_per_class, seed)


def merged_of(folder):
    recipe_of(folder)
    (folder / "merged.yaml").write_text("merge: [multi-domain, mine.json, random-guidance]\n")
    return load_recipe(folder / "merged.yaml")


def test_every_prefix_has_every_prompt_about_as_often_as_its_weight_says(tmp_path):
    counts, made = Counter(), 0
    for spec in plan_of(tmp_path, 5_000):
        if spec.label:
            continue
        counts[spec.prompt] += 1
        made += 1
        for name, weight in WEIGHTS.items():
            assert abs(counts[name] - made * weight / 10) < 3
    assert made == 5_000


def test_a_spec_is_the_same_whatever_the_number_of_images(tmp_path):
    long, short = plan_of(tmp_path, 300), plan_of(tmp_path, 7)
    assert list(short) == long[:14]
    assert long[555] == list(long)[555]


def test_classes_and_seeds_start_at_prompts_of_their_own(tmp_path):
    content = {name: [str(n) for n in range(100)] for name in ("cat", "dog")}
    classes = parse_classes(["cat", "dog"])
    plans = [SamplePlan(recipe_of(tmp_path, content), classes, 50, seed) for seed in range(3)]
    orders = {tuple(s.prompt for s in plan if s.label == i) for plan in plans for i in (0, 1)}
    assert len(orders) == 6


def test_negative_prompts_and_languages_reach_the_specs(tmp_path):
    content = {
        "cat": [{"prompt": "a", "negative_prompt": "b"}, {"prompt": "c"}],
        "dog": {"de": ["ein Hund"]},
    }
    recipe_of(tmp_path, content)
    path = tmp_path / "mine.yaml"
    path.write_text("prompts: mine.json\nguidance: 3\nnegative_prompt: blur\n")
    specs = list(SamplePlan(load_recipe(path), parse_classes(["cat", "dog"]), 10))
    assert {(s.prompt, s.negative_prompt, s.language) for s in specs} == {
        ("a", "b", ""),
        ("c", "blur", ""),
        ("ein Hund", "blur", "de"),
    }
    assert {spec.guidance for spec in specs} == {3.0}
    assert SampleSpec(0, 0, "", "", 1.0, 0).language == ""


def test_braces_in_prompts_of_a_file_stand_for_themselves(tmp_path):
    recipe = recipe_of(tmp_path, {"cat": ["a {class}"], "dog": ["{"]})
    specs = SamplePlan(recipe, parse_classes(["cat", "dog"]), 1)[:]
    assert [spec.prompt for spec in specs] == ["a {class}", "{"]


def test_classes_match_by_their_prompts_too(tmp_path):
    recipe = recipe_of(tmp_path, {"CAT": ["a"], "t-shirt / top": ["b"], "t_shirt": ["c"]})
    plan = SamplePlan(recipe, CLASSES, 20)
    assert {(s.label, s.prompt) for s in plan} == {(0, "a"), (1, "b"), (1, "c")}


@pytest.mark.parametrize(
    ("content", "classes", "expected"),
    [
        (CONTENT, ["cat", "t-shirt", "dog"], "mine.json' has no prompts for class 'dog': add some"),
        (CONTENT, ["cat", "dog", "t-shirt", "eel"], "for class 'dog' and 1 more: add some"),
        (
            CONTENT,
            ["cat", "shirt"],
            "class 'T shirt', language 'en', prompt 1: unknown class 'T sh",
        ),
        ({"hores": ["a"], "cat": ["b"]}, ["cat", "horse"], "did you mean 'horse'"),
        ({"x" * 4000: ["a"], "cat": ["b"]}, ["cat", "horse"], "correct or remove it, or add it"),
    ],
)
def test_classes_that_do_not_match_are_named(tmp_path, content, classes, expected):
    with pytest.raises(InputError) as caught:
        SamplePlan(recipe_of(tmp_path, content), parse_classes(classes), 5)
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_file_that_was_not_read_is_said():
    with pytest.raises(InputError, match=r"prompts 'x\.json' of recipe '' were not read"):
        SamplePlan(Recipe(prompts="x.json"), CLASSES, 5)


def test_a_merged_file_takes_its_turn_with_templates(tmp_path):
    specs = [spec for spec in SamplePlan(merged_of(tmp_path), CLASSES, 30) if spec.label == 0]
    assert all(spec.prompt in WEIGHTS for spec in specs[1::3])
    assert all(spec.prompt.endswith(" of a cat") for spec in [*specs[0::3], *specs[2::3]])


def test_what_a_plan_may_show_has_its_shares(tmp_path):
    shares = possible_prompts(plan_of(tmp_path))
    cat = {one.text.prompt: share for one, share in shares.items() if one.label == 0}
    assert cat == pytest.approx({name: weight / 10 for name, weight in WEIGHTS.items()})
    shirt = {(o.text.prompt, o.text.language): s for o, s in shares.items() if o.label == 1}
    assert shirt == pytest.approx({("a shirt", "en"): 0.5, ("ein Hemd", "de"): 0.5})
    assert {one.guidance for one in shares} == {7.5}


def test_shares_of_a_merged_plan_are_parts_of_one(tmp_path):
    plan = SamplePlan(merged_of(tmp_path), CLASSES, 10**9)
    shares = possible_prompts(plan)
    for label in (0, 1):
        assert sum(s for one, s in shares.items() if one.label == label) == pytest.approx(1)
    sketch = next(one for one in shares if one.text.prompt == "a sketch of a cat")
    assert shares[sketch] == pytest.approx(1 / 30)


@pytest.mark.parametrize("images", [1, 2, 7, 45])
def test_counts_are_those_of_the_samples(tmp_path, images):
    plan = SamplePlan(merged_of(tmp_path), CLASSES, images, seed=5)
    walked = Counter((s.label, s.prompt, s.negative_prompt, s.language) for s in plan)
    counted = Counter()
    for one, count in prompt_counts(plan).items():
        text = one.text
        counted[one.label, text.prompt, text.negative_prompt, text.language] += count
    assert +counted == walked
    assert len(counted) == 2 * 11 + 4 + 2, "what no image has yet is named, too"


def test_a_plan_too_large_to_count_has_rounded_shares(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "MOST_COUNTED", 100)
    small, large = plan_of(tmp_path, 50), plan_of(tmp_path, 51)
    assert (is_counted(small), is_counted(large)) == (True, False)
    counts = {one.text.prompt: count for one, count in prompt_counts(large).items()}
    assert {name: counts[name] for name in "abcd"} == {"a": 5, "b": 13, "c": 1, "d": 32}
    assert is_counted(SamplePlan(load_recipe("multi-domain"), CLASSES, 10**12))


def test_two_leaves_with_the_same_prompt_and_guidance_are_one(tmp_path):
    (tmp_path / "twice.yaml").write_text("merge: [base, base]\n")
    counts = prompt_counts(SamplePlan(load_recipe(tmp_path / "twice.yaml"), CLASSES, 9))
    assert list(counts.values()) == [9, 9]
    assert all(isinstance(one, PossiblePrompt) for one in counts)


def test_all_texts_are_prompts_and_what_guidance_leads_away_from(tmp_path):
    content = {"cat": [{"prompt": "a", "negative_prompt": "b"}, "c"], "dog": ["c"]}
    classes = parse_classes(["cat", "dog"])
    plan = SamplePlan(recipe_of(tmp_path, content), classes, 10)
    assert texts_of(plan) == ["a", "c", "b", ""]
    assert texts_of(plan, "d") == ["a", "c", "d"]
    (tmp_path / "plain.yaml").write_text("prompts: mine.json\nguidance: 1\n")
    plain = SamplePlan(load_recipe(tmp_path / "plain.yaml"), classes, 10)
    assert texts_of(plain) == texts_of(plain, "d") == ["a", "c"]
