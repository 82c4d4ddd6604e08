"""Class entries: what is accepted, and one clear sentence for what is not."""

import re

import pytest

from zeroreal.base import InputError
from zeroreal.generate import class_entries, parse_classes
from zeroreal.generate.plan.classes import slug


def test_underscores_read_as_spaces_in_prompts_and_stay_in_names():
    first, _ = parse_classes(["ankle_boot", "coat"])
    assert (first.name, first.prompt, first.slug) == ("ankle_boot", "ankle boot", "ankle-boot")


def test_a_display_prompt_follows_a_colon():
    first, _ = parse_classes(["t-shirt: t-shirt/top", "coat"])
    assert (first.name, first.prompt) == ("t-shirt", "t-shirt/top")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("T-shirt -- top", "t-shirt-top"),
        ("Ä Ö!", "a-o"),
        ("naïve café", "naive-cafe"),
        ("¡x²!", "x2"),
        ("猫", ""),
    ],
)
def test_slugs_keep_letters_and_digits(name, expected):
    assert slug(name) == expected


def test_names_without_ascii_letters_are_told_apart():
    assert [item.name for item in parse_classes(["猫", "犬"])] == ["猫", "犬"]


def test_spaces_around_names_and_prompts_do_not_count():
    first, second = parse_classes(["  big__dog ", "Xerus :  a  small_cat X "])
    assert (first.name, first.prompt) == ("big__dog", "big dog")
    assert (second.name, second.prompt) == ("Xerus", "a small cat X")


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
        (["cat", "."], "path separator"),
        (["cat", "a\u200bb"], "control characters"),
        (["cat", "a\u2028b"], "control characters"),
        (["cat", "a\ud800b"], "control characters"),
        (["ПЁС", "кот", "пёс"], "'пёс' (entry 3) duplicates 'ПЁС'"),
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


def test_a_comma_makes_a_list_even_where_a_file_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cat,dog.txt", "cat"):
        (tmp_path / name).write_text("eel\nfox\n")
    assert class_entries("cat,dog.txt") == ("cat", "dog.txt")
    assert class_entries("cat") == ("cat",)
    assert class_entries("cat,a.txt") == ("cat", "a.txt")


def test_a_file_of_any_extension_is_read_and_a_name_with_a_dot_is_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets.list").write_text("猫\n# not this\nfox # not a comment\n", encoding="utf-8")
    assert class_entries("pets.list") == ("猫", "fox # not a comment")
    assert class_entries("St. Bernard") == ("St. Bernard",)


def test_a_file_that_is_not_utf_8_is_named(tmp_path):
    (tmp_path / "pets.txt").write_bytes("Bär".encode("latin-1"))
    with pytest.raises(InputError, match=r"pets.txt' is not UTF-8 text"):
        class_entries(str(tmp_path / "pets.txt"))
