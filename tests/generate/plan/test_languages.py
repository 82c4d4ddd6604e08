"""Templates in other languages: names from files, what images note, identity and refusals."""

import json
from collections import Counter

import pytest

from zeroreal.base import InputError
from zeroreal.generate import Recipe, SamplePlan, load_recipe, parse_classes, prompt_counts
from zeroreal.generate.plan.content import recipe_content

CLASSES = parse_classes(["cat", "boot: ankle boot"])
NAMES = {"boot": "Stiefelette", "cat": "Katze"}
GERMAN = 'prompt: "ein Foto: {class}"\nlanguage: de\nnames: de.json\n'


def recipe_of(folder, text=GERMAN, names=NAMES, name="mine.yaml"):
    (folder / "de.json").write_text(json.dumps(names))
    (folder / name).write_text(text)
    return load_recipe(folder / name)


def test_a_template_calls_classes_as_its_file_does_and_images_say_so(tmp_path):
    plan = SamplePlan(recipe_of(tmp_path), CLASSES, 2)
    assert [(one.label, one.prompt, one.language) for one in plan] == [
        (0, "ein Foto: Katze", "de"),
        (1, "ein Foto: Stiefelette", "de"),
    ] * 2
    assert plan.classes == CLASSES


def test_languages_are_mixed_by_merging(tmp_path):
    recipe_of(tmp_path, GERMAN, name="de.yaml")
    recipe = recipe_of(tmp_path, "merge: [base, de.yaml]\nweights: {base: 3}\n")
    plan = SamplePlan(recipe, CLASSES, 40)
    shown = Counter((one.prompt, one.language) for one in plan if one.label == 0)
    assert shown == {("an image of a cat", ""): 30, ("ein Foto: Katze", "de"): 10}
    assert {one.text.language: count for one, count in prompt_counts(plan).items()} == {
        "": 30,
        "de": 10,
    }


@pytest.mark.parametrize("weights", ["", "weights: {foto: 1}\n"])
def test_names_come_with_domains_and_attributes(tmp_path, weights):
    text = 'prompt: "{domain}: {attribute} {class}"\ndomains: [foto]\nattributes: [rote]\n'
    recipe = recipe_of(tmp_path, f"{text}language: de\nnames: de.json\n{weights}")
    plan = SamplePlan(recipe, CLASSES, 1)
    assert [one.prompt for one in plan] == ["foto: rote Katze", "foto: rote Stiefelette"]


@pytest.mark.parametrize(
    ("language", "expected"), [("hu", "a animal"), ("en-GB", "an animal"), ("en", "an animal")]
)
def test_articles_are_those_of_english_alone(tmp_path, language, expected):
    names = {"cat": "animal", "boot": "animal"}
    text = f'prompt: "a {{class}}"\nlanguage: {language}\nnames: de.json\n'
    (one, _) = SamplePlan(recipe_of(tmp_path, text, names), CLASSES, 1)
    assert one.prompt == expected


def test_a_table_of_names_gives_what_json_does(tmp_path):
    (tmp_path / "de.csv").write_text("name,prompt\ncat,Katze\nboot,Stiefelette\n")
    table = recipe_of(tmp_path, GERMAN.replace("de.json", "de.csv"))
    assert list(SamplePlan(table, CLASSES, 3)) == list(SamplePlan(recipe_of(tmp_path), CLASSES, 3))
    assert recipe_content(table) == recipe_content(recipe_of(tmp_path))


def test_another_name_or_language_is_another_recipe(tmp_path):
    changes = [(GERMAN, NAMES), (GERMAN, {**NAMES, "cat": "Kater"}), (GERMAN + "\n", NAMES)]
    changes.append((GERMAN.replace("language: de", "language: de-AT"), NAMES))
    contents = [recipe_content(recipe_of(tmp_path, *one)) for one in changes]
    assert contents[0] == contents[2]
    assert len({json.dumps(one) for one in contents}) == 3
    assert not {"names", "language"} & recipe_content(load_recipe("base"))["leaves"][0].keys()


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ({"cat": "Katze", "dog": "Hund"}, "de.json' lacks 'boot': add what prompts call them"),
        ({**NAMES, "dog": "Hund", "cow": "Kuh"}, "de.json' has 'cow', 'dog', which are not among"),
    ],
)
def test_names_that_are_not_those_of_the_classes_are_told(tmp_path, names, complaint):
    with pytest.raises(InputError) as caught:
        SamplePlan(recipe_of(tmp_path, names=names), CLASSES, 1)
    assert complaint in str(caught.value)


def test_of_many_classes_that_lack_a_name_a_few_are_told(tmp_path):
    classes = parse_classes(f"class {number}" for number in range(1_000))
    with pytest.raises(InputError, match=r"lacks 'class 0', .*, 'class 4' and 995 more: add what"):
        SamplePlan(recipe_of(tmp_path), classes, 1)


@pytest.mark.parametrize(
    ("text", "names", "complaint"),
    [
        (GERMAN, {"cat": "", "boot": "x"}, "de.json' does not say what prompts call 'cat': give"),
        (GERMAN, ["cat", "boot"], "does not say what prompts call 'cat', 'boot': give .json such"),
        (GERMAN, {"cat": "Katze"}, "de.json': the class list has 1 classes, at least 2"),
        (GERMAN, {"cat": "a\x07", "boot": "x"}, "holds control characters"),
        (GERMAN, {"cat": 7, "boot": "x"}, "de.json' has 7 for the prompt of 'cat'"),
        (
            GERMAN.replace("de.json", "gone.json"),
            NAMES,
            "gone.json' does not exist: check the path",
        ),
        (
            GERMAN.replace("language: de", "language: no"),
            NAMES,
            "language: Input should be a valid",
        ),
        (GERMAN.replace("{class}", "{class}, {gloss}"), NAMES, "{gloss} are English, by WordNet"),
        ("prompts: p.json\nlanguage: de\n", NAMES, "a recipe with `prompts` takes no language"),
        ("merge: [base]\nnames: de.json\n", NAMES, "a recipe with `merge` takes no names"),
        (GERMAN + "named: x\n", NAMES, "unknown field"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, text, names, complaint):
    with pytest.raises(InputError) as caught:
        recipe_of(tmp_path, text, names)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_were_not_read_are_missed():
    recipe = Recipe(prompt="{class}", names="de.json")
    with pytest.raises(InputError, match=r"names 'de\.json' of recipe '' were not read: make the"):
        SamplePlan(recipe, CLASSES, 1)
