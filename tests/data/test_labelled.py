"""Labelled images before decoding: labels in range, sources joined, class names matched."""

import re

import numpy as np
import pytest

from zeroreal.base import InputError
from zeroreal.data.labelled import Labelled, check_range, joined, match_classes

CLASSES = ["ankle boot", "bag", "coat"]


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ([0, 1, 3, 4], "image 2 of 'here' has label 3, outside the 3 class names of the data"),
        ([0, -1], "image 1 of 'here' has label -1, outside the 3 class names"),
        ([3], "image 0 of 'here' has label 3, .* (0 to 2)"),
    ],
)
def test_the_first_label_out_of_range_is_named(labels, complaint):
    with pytest.raises(InputError, match=complaint.replace("(", r"\(").replace(")", r"\)")):
        check_range(np.array(labels), CLASSES, "here")


@pytest.mark.parametrize("labels", [[], [0, 2, 1, 2]])
def test_labels_in_range_pass(labels):
    check_range(np.array(labels, np.int64), CLASSES, "here")


def part(names, labels):
    pictures = [(b"", f"{names[label]} {position}") for position, label in enumerate(labels)]
    return Labelled(names, np.array(labels), iter(pictures))


def named(found):
    return [found.names[label] for label in found.labels]


def test_sources_with_the_same_names_in_the_same_order_keep_them():
    found = joined([part(["coat", "bag"], [1, 0]), part(("coat", "bag"), [1])])
    assert found.names == ["coat", "bag"]
    assert found.labels.tolist() == [1, 0, 1]
    assert [what for _, what in found.pictures] == ["bag 0", "coat 1", "bag 0"]


def test_a_source_alone_stays_as_it_is():
    found = joined([part(["coat", "bag"], [1, 0])])
    assert (found.names, found.labels.tolist()) == (["coat", "bag"], [1, 0])


@pytest.mark.parametrize("names", [["bag", "coat"], ["coat", "bag", "scarf"], ["apron"]])
def test_sources_with_other_names_get_all_of_them_sorted(names):
    labels = list(range(len(names)))
    found = joined([part(["coat", "bag"], [1, 0, 0]), part(names, labels)])
    assert found.names == sorted({"coat", "bag", *names})
    assert named(found) == ["bag", "coat", "coat", *names]
    assert found.labels.dtype == np.int64


def test_names_match_whatever_their_case_width_and_separators():
    found = ["COAT", "Ankle_Boot", "ankle--boot", " ankle/boot ", "ankle\\boot", "ｂａｇ"]
    assert match_classes(found, CLASSES, {}, "here") == [2, 0, 0, 0, 0, 1]


def test_case_is_folded_as_unicode_does():
    assert match_classes(["STRASSE"], ["bag", "straße"], {}, "here") == [1]


def test_other_punctuation_and_joined_words_are_other_names():
    for name in ("ankleboot", "ankle.boot"):
        with pytest.raises(InputError, match="does not have"):
            match_classes([name], CLASSES, {}, "here")


def test_aliases_name_classes_and_a_class_keeps_its_own_name():
    aliases = {"Boots": "ankle boot", "bag": "coat", "parka": "a class of another classifier"}
    assert match_classes(["boots", "bag"], CLASSES, aliases, "here") == [0, 1]
    with pytest.raises(InputError, match="does not have: 'parka'; it has 'ankle boot', 'bag'"):
        match_classes(["parka"], CLASSES, aliases, "here")


@pytest.mark.parametrize("twin", ["bag", "BAG", "-bag-"])
def test_classes_that_cannot_be_told_apart_are_both_named(twin):
    with pytest.raises(InputError, match=f"classes 'bag' and '{twin}' differ at most in case"):
        match_classes([], ["bag", "coat", twin], {}, "here")


@pytest.mark.parametrize(
    ("count", "listed"),
    [(1, "'x0'"), (20, ", ".join(f"'x{n}'" for n in range(20)))],
)
def test_up_to_twenty_strange_names_are_listed(count, listed):
    with pytest.raises(
        InputError,
        match=re.escape(f"'here' has classes that the classifier does not have: {listed}; it has"),
    ):
        match_classes([f"x{n}" for n in range(count)], CLASSES, {}, "here")


def test_of_more_than_twenty_strange_names_the_rest_are_counted():
    with pytest.raises(InputError, match="'x18', 'x19' and 3 more; it has"):
        match_classes([f"x{n}" for n in range(23)], CLASSES, {}, "here")
