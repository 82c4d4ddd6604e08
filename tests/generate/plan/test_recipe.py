"""Recipes as users write them: read, merged, and complained of in one sentence."""

from math import inf, nan

import pytest
from pydantic import ValidationError

from zeroreal.base import InputError
from zeroreal.generate import Recipe, load_recipe, recipe_text
from zeroreal.generate.plan.recipe import GuidanceRange
from zeroreal.generate.plan.settings import PlanSettings, parse_guidance


def write(folder, text, name="mine.yaml"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_copied_recipe_can_be_edited(tmp_path):
    text = recipe_text("multi-domain").replace("- photo\n", "- woodcut\n")
    recipe = load_recipe(write(tmp_path, text))
    assert recipe.name == "mine"
    assert "woodcut" in recipe.domains
    assert "photo" not in recipe.domains


def test_merge_takes_shipped_names_and_files_beside_it(tmp_path):
    write(tmp_path, 'prompt: "my {class}"\nguidance: 2\n', "part.yaml")
    recipe = load_recipe(write(tmp_path, "merge: [base, part.yaml]\n"))
    assert [leaf.prompt for leaf in recipe.leaves] == ["an image of a {class}", "my {class}"]
    assert recipe.leaves[1].guidance == 2.0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prompt: 7\n", "mine.yaml', prompt: "),
        ('prompt: "{class}"\nguidance: {uniform: [0.5, 3]}\n', "guidance: guidance 0.5 is below 1"),
        ('prompt: "{class}"\nguidance: {uniform: [1.5, 3], integers: true}\n', "not 1.5 and 3"),
        ('prompt: "{class}"\nguidance: {uniform: [1, 3], integers: 1}\n', "integers"),
        ('prompt: "{class}"\nparts: []\n', "unknown field"),
        ('prompt: "a {domain} of {class}"\ndomains: [photo, " "]\n', "empty or repeated"),
        ('merge: [base]\nprompt: "{class}"\nguidance: 2\n', "takes no guidance, prompt"),
        ("merge: [gone.yml]\n", "gone.yml' does not exist"),
        ('prompt: "{class}"\nguidance: 0.5\n', "mine.yaml', guidance: guidance 0.5"),
        ('prompt: "{class}"\nguidance: .nan\n', "guidance: guidance nan is above 1e+06"),
        ('prompt: "{class}"\nguidance: {uniform: [1, .inf]}\n', "guidance inf is above 1e+06"),
        ("guidance: 4\n", "mine.yaml': it has neither"),
        ('prompt: "{class}"\nguidance: high\n', "neither a number nor a range"),
        ('prompt: "{class}"\nguidance: yes\n', "neither a number nor a range"),
        ('prompt: "{class}"\nguidance: 0.5\n', "below 1"),
        ('prompt: "{class}"\nguidance: {uniform: [5, 1]}\n', "upside down: write [1, 5]"),
        ('prompt: "{class}"\nguidance: {uniform: [1, 2.5], integers: true}\n', "whole bounds"),
        ('prompt: "{class}"\nguidance: {uniform: [1]}\n', "guidance"),
        ('prompt: "{class}"\nguidance: {unifrom: [1, 5]}\n', "guidance"),
        ('prompt: "{class}"\nguidence: 3\n', "did you mean 'guidance'"),
        ('prompt: "a {domian} of a {class}"\n', "did you mean 'domain'"),
        ('prompt: "a {domain} of a {class}"\n', "go together"),
        ('prompt: "{class}"\ndomains: [photo]\n', "go together"),
        ('prompt: "a {domain} of {class}"\ndomains: [photo, photo]\n', "repeated"),
        ('prompt: "a dog"\n', "lacks the field {class}"),
        ("guidance: 3\n", "neither `prompt` nor `merge`"),
        ('merge: [base]\nprompt: "{class}"\n', "takes no prompt"),
        ('prompts: p.json\nprompt: "{class}"\n', "with `prompts` takes no prompt"),
        ("prompts: p.json\ndomains: [photo]\n", "with `prompts` takes no domains"),
        ("prompts: gone.json\n", "gone.json' does not exist: check the path"),
        ("prompts: mine.yaml\n", "mine.yaml' is of no known format"),
        ("merge: [base]\nprompts: p.json\n", "takes no prompts"),
        ("merge: [gone.csv]\n", "gone.csv' does not exist"),
        ('prompt: "{class}"\nfile: p.json\n', "unknown field"),
        ("merge: [bass]\n", "did you mean 'base'"),
        ("merge: [mine.yaml]\n", "merges itself"),
        ("- a\n- list\n", "must be a mapping"),
        ("prompt: [unclosed\n", "is not YAML (while parsing a flow sequence in "),
        ('prompt: "a {domain} of {class}"\ndomains: [photo, 7]\n', "mine.yaml', domains.1: "),
    ],
)
def test_a_bad_recipe_gets_one_sentence(tmp_path, text, complaint):
    with pytest.raises(InputError) as caught:
        load_recipe(write(tmp_path, text))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_names_those_that_exist():
    with pytest.raises(InputError, match=r"did you mean 'multi-domain'.*random-guidance"):
        load_recipe("multi-domian")
    with pytest.raises(InputError, match="does not exist"):
        load_recipe("nowhere/mine.yaml")


def test_whole_guidance_has_an_equal_share_of_the_draws_for_each_number():
    guidance = GuidanceRange(uniform=(2, 5), integers=True)
    draws = (0.0, 0.24, 0.25, 0.49, 0.5, 0.74, 0.75, 0.99)
    assert [guidance.at(draw) for draw in draws] == [2, 2, 3, 3, 4, 4, 5, 5]


def test_real_guidance_lies_as_far_between_the_bounds_as_the_draw():
    guidance = GuidanceRange(uniform=(2, 6))
    assert [guidance.at(draw) for draw in (0.0, 0.25, 0.75)] == [2, 3, 5]
    assert GuidanceRange(uniform=(3, 3)).at(0.5) == 3


@pytest.mark.parametrize(
    "scales", [(nan, nan), (1, nan), (nan, 3), (1, inf), (inf, inf), (0, 1), (1e9, 1e9)]
)
def test_guidance_in_place_of_the_recipes_is_of_numbers(scales):
    with pytest.raises(InputError, match=r"guidance is .* to .*: give scales of 1, which"):
        load_recipe("base", scales)


@pytest.mark.parametrize("guidance", ["1", "1.0", "{uniform: [1, 1]}"])
def test_no_guidance_is_guidance_1(tmp_path, guidance):
    load_recipe(write(tmp_path, f'prompt: "{{class}}"\nguidance: {guidance}\n'))


def test_what_a_recipe_leaves_out_has_these_values(tmp_path):
    recipe = load_recipe(write(tmp_path, 'prompt: "{class}"\n'))
    assert recipe.model_dump() == {
        "name": "mine",
        "description": "",
        "prompt": "{class}",
        "domains": (),
        "attributes": (),
        "weights": {},
        "cap": None,
        "language": "",
        "names": "",
        "prompts": "",
        "negative_prompt": "",
        "guidance": 7.5,
        "merge": (),
    }
    assert recipe.leaves == (recipe,)


def test_a_recipe_is_not_changed_once_read():
    with pytest.raises(ValidationError, match="frozen"):
        load_recipe("base").prompt = "{class}"
    with pytest.raises(ValidationError, match="frozen"):
        load_recipe("random-guidance").guidance.integers = False


@pytest.mark.parametrize("kind", [Recipe, GuidanceRange])
def test_python_users_mistakes_are_found_too(kind):
    with pytest.raises(ValidationError, match="Extra inputs"):
        kind.model_validate({"prompt": "{class}", "uniform": (1, 5), "other": 1})
    with pytest.raises(ValidationError, match=r"valid (string|boolean)"):
        kind.model_validate({"uniform": (1, 5), "integers": "yes", "prompt": b"{class}"})


def test_a_merged_recipe_may_have_a_name_and_a_description(tmp_path):
    text = "merge: [base]\nname: own\ndescription: the plain one\n"
    recipe = load_recipe(write(tmp_path, text))
    assert (recipe.name, recipe.description) == ("own", "the plain one")
    assert [part.name for part in recipe.parts] == ["base"]


def test_a_merge_of_merges_is_equal_parts_of_all_and_paths_start_at_each_file(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", 'prompt: "of sub {class}"\n', "leaf.yaml")
    write(tmp_path / "sub", "merge: [leaf.yaml, base]\n", "pair.yaml")
    recipe = load_recipe(write(tmp_path, "merge: [sub/pair.yaml, base]\n"))
    expected = ["of sub {class}", "an image of a {class}", "an image of a {class}"]
    assert [leaf.prompt for leaf in recipe.leaves] == expected


def test_recipes_that_merge_each_other_are_found_out(tmp_path):
    write(tmp_path, "merge: [mine.yaml]\n", "other.yaml")
    with pytest.raises(InputError, match=r"'mine.yaml' merges itself"):
        load_recipe(write(tmp_path, "merge: [other.yaml]\n"))


def test_a_recipe_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"prompt: \xff\n")
    with pytest.raises(InputError, match=r"mine.yaml' is not YAML .*utf-8"):
        load_recipe(path)


def test_the_text_of_an_unknown_recipe_is_not_looked_for():
    with pytest.raises(InputError, match="did you mean 'base'"):
        recipe_text("bsae")


@pytest.mark.parametrize(
    ("guidance", "guided"),
    [("1", False), ("1.5", True), ("{uniform: [1, 1]}", False), ("{uniform: [1, 5]}", True)],
)
def test_a_recipe_is_guided_where_any_image_has_guidance(tmp_path, guidance, guided):
    path = tmp_path / "mine.yaml"
    path.write_text(f'prompt: "a {{class}}"\nguidance: {guidance}\n')
    assert load_recipe(path).guided is guided
    both = tmp_path / "both.yaml"
    both.write_text("merge: [mine.yaml, mine.yaml]\n")
    assert load_recipe(both).guided is guided


def test_a_file_of_prompts_is_a_recipe_with_the_usual_guidance(tmp_path):
    recipe = load_recipe(write(tmp_path, '{"cat": ["a cat"]}', "mine.json"))
    assert (recipe.name, recipe.prompts, recipe.guidance) == ("mine", "mine.json", 7.5)
    assert [row.prompt for row in recipe.file.rows] == ["a cat"]


def test_a_recipe_names_a_file_of_prompts_beside_it(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", "class,prompt\ncat,a cat\n", "p.csv")
    write(tmp_path / "sub", "prompts: p.csv\nguidance: 2\n", "r.yaml")
    recipe = load_recipe(write(tmp_path, "merge: [sub/r.yaml, base, sub/p.csv]\n"))
    assert [leaf.guidance for leaf in recipe.leaves] == [2.0, 7.5, 7.5]
    assert [leaf.file is not None for leaf in recipe.leaves] == [True, False, True]


@pytest.mark.parametrize(("scales", "expected"), [((3.0, 3.0), 3.0), ((1.0, 4.5), (1.0, 4.5))])
def test_other_guidance_reaches_every_part(scales, expected):
    recipe = load_recipe("merged", scales)
    guidance = [leaf.guidance for leaf in recipe.leaves]
    found = [one.uniform if isinstance(one, GuidanceRange) else one for one in guidance]
    assert found == [expected] * 3
    assert [leaf.prompt for leaf in recipe.leaves] == [
        leaf.prompt for leaf in load_recipe("merged").leaves
    ]


@pytest.mark.parametrize("text", ["high", "1:", ":3", "5:1", "0.5", "0:3", "nan", "1:inf", "1:2:3"])
def test_guidance_that_is_no_scale_is_refused(text):
    with pytest.raises(InputError, match="guidance"):
        PlanSettings(guidance=parse_guidance(text))


def test_guidance_is_read():
    assert PlanSettings(guidance=parse_guidance("1:5")).guidance == (1.0, 5.0)
    assert parse_guidance("2.5") == (2.5, 2.5)
