"""Labelled images before decoding: labels in range, sources joined."""

import numpy as np
import pytest

from zeroreal.base import InputError
from zeroreal.data.labelled import Labelled, check_range, joined, numbers_as_names

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


def test_numbers_without_names_are_joined_as_numbers():
    parts = [numbered([11, 2]), numbered([0])]
    found = joined(parts)
    assert (found.is_numbered, found.names[11], found.labels.tolist()) == (True, "11", [11, 2, 0])


def test_names_and_numbers_are_not_joined():
    with pytest.raises(InputError, match="some with numbers without names"):
        joined([part(["bag", "coat"], [1]), numbered([1])])


def test_two_classes_of_a_name_stay_two_where_all_parts_have_both():
    names = ["crane", "bag", "crane"]
    assert joined([part(names, [2, 0]), part(names, [1])]).labels.tolist() == [2, 0, 1]


def numbered(labels):
    values = np.array(labels)
    return Labelled(numbers_as_names(values, "here"), values, iter(()), is_numbered=True)
