"""Class entries: what is accepted, and one clear sentence for what is not."""

import re

import pytest

from zeroreal.base import InputError
from zeroreal.generate import class_entries, parse_classes


def test_underscores_read_as_spaces_in_prompts_and_stay_in_names():
    first, _ = parse_classes(["ankle_boot", "coat"])
    assert (first.name, first.prompt, first.slug) == ("ankle_boot", "ankle boot", "ankle-boot")


def test_a_display_prompt_follows_a_colon():
    first, _ = parse_classes(["t-shirt: t-shirt/top", "coat"])
    assert (first.name, first.prompt) == ("t-shirt", "t-shirt/top")


def test_slugs_are_safe_whatever_the_name():
    for item in parse_classes(["Ä Ö!", "naïve café", "con", "x" * 50, "..a"]):
        assert re.fullmatch(r"[a-z0-9-]*", item.slug)


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([], "has 0 classes"),
        (["cat"], "has 1 classes"),
        (["cat", "dog", "cat"], "'cat' (entry 3) duplicates 'cat'"),
        (["ankle boot", "Ankle_Boot"], "duplicates 'ankle boot'"),
        (["cat", "   "], "only spaces"),
        (["cat", ": a dog"], "only spaces"),
        (["cat", "../x"], "path separator"),
        (["cat", "a\\b"], "path separator"),
        (["cat", ".."], "path separator"),
        (["cat", "do\x00g"], "control characters"),
        (["cat", "dog\n"], "control characters"),
        (["cat", "\t"], "control characters"),
        (["cat", "dog: \x1b[31mred"], "control characters"),
        (["cat", "dog:"], "nothing after the colon"),
    ],
)
def test_bad_classes_get_one_sentence(entries, complaint):
    with pytest.raises(InputError) as caught:
        parse_classes(entries)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_entries_come_from_a_list_or_a_file(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("# pets\ncat\n\ndog: a dog, small\n")
    assert class_entries("cat,dog") == ("cat", "dog")
    assert class_entries(str(path)) == ("cat", "dog: a dog, small")
    assert class_entries(" ") == ()
    with pytest.raises(InputError, match="does not exist"):
        class_entries(str(tmp_path / "clases.txt"))
