"""Recipes as users write them: read, merged, and complained of in one sentence."""

import pytest

from zeroreal.base import InputError
from zeroreal.generate import load_recipe, recipe_text


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
        ("prompt: 7\n", "prompt"),
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
        ("merge: [bass]\n", "did you mean 'base'"),
        ("merge: [mine.yaml]\n", "merges itself"),
        ("- a\n- list\n", "must be a mapping"),
        ("prompt: [unclosed\n", "is not YAML"),
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
