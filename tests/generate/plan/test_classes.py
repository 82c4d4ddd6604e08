"""Class entries: what is accepted, and one clear sentence for what is not."""

import re

import pytest

from zeroreal.base import InputError
from zeroreal.generate import parse_classes
from zeroreal.generate.plan.classes import slug


def test_underscores_read_as_spaces_in_prompts_and_stay_in_names():
    first, _ = parse_classes(["ankle_boot", "coat"])
    assert (first.name, first.prompt) == ("ankle_boot", "ankle boot")


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


@pytest.mark.parametrize(
    "names",
    [
        ["猫", "犬"],
        ["C", "C++", "C#", "c"],
        ["数字1", "文字1"],
        ["Maß", "Ma", "MASS"],
        ["-1", "1", "+", "-", "_"],
        ["ankle boot", "Ankle_Boot", "ankle-boot"],
        ["AC/DC", "a\\b", ".", "..", ".net", "../x"],
        ["\u0928\u0940\u200d", "\u0928\u0940\u200c", "\u0928\u0940", "👩\u200d🚀"],
        ["caf\u00e9", "cafe\u0301"],
    ],
)
def test_only_the_same_name_is_a_duplicate(names):
    assert [item.name for item in parse_classes(names)] == names
    with pytest.raises(InputError, match=f"entry {len(names) + 1}. is there already"):
        parse_classes([*names, names[0]])


def test_spaces_around_names_and_prompts_do_not_count():
    first, second = parse_classes(["  big__dog ", "Xerus :  a  small_cat X "])
    assert (first.name, first.prompt) == ("big__dog", "big dog")
    assert (second.name, second.prompt) == ("Xerus", "a small cat X")


def test_slugs_are_safe_whatever_the_name():
    for item in parse_classes(["Ä Ö!", "naïve café", "con", "x" * 50, "..a"]):
        assert re.fullmatch(r"[a-z0-9-]*", slug(item.name))


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([], "has 0 classes"),
        (["cat"], "has 1 classes"),
        (["cat", "dog", "cat"], "'cat' (entry 3) is there already"),
        (["cat", "   "], "only spaces"),
        (["cat", ": a dog"], "only spaces"),
        (["cat", "do\x00g"], "control characters"),
        (["cat", "dog\n"], "control characters"),
        (["cat", "\t"], "control characters"),
        (["cat", "dog: \x1b[31mred"], "control characters"),
        (["cat", "a\u200bb"], "control characters"),
        (["cat", "a\u2028b"], "control characters"),
        (["cat", "a\ud800b"], "control characters"),
        (["cat", "dog:"], "nothing after the colon"),
    ],
)
def test_bad_classes_get_one_sentence(entries, complaint):
    with pytest.raises(InputError) as caught:
        parse_classes(entries)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
