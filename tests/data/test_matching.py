"""Which class of the classifier a class of a source is: the same name first."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroreal.base import InputError
from zeroreal.data.labelled import Labelled
from zeroreal.data.matching import labels_in, match_classes

CLASSES = ["ankle boot", "bag", "coat"]

# Names that differ by what folding takes away come often.
NAMES = st.lists(
    st.text("aAéßsS-_ /,1ａ\u0301\u200d+#", min_size=1, max_size=4) | st.text(min_size=1),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(NAMES, st.randoms())
def test_the_same_names_in_any_order_are_the_same_classes(names, random):
    found = random.sample(names, len(names))
    assert [names[i] for i in match_classes(found, names, [], "here")] == found


@given(NAMES, NAMES)
def test_no_two_names_of_a_source_become_one_class_and_letters_always_count(found, classes):
    try:
        matches = match_classes(found, classes, [], "here")
    except InputError:
        return
    assert len(set(matches)) == len(found)
    for name, index in zip(found, matches, strict=True):
        assert name == classes[index] or (name not in classes and alike(name, classes[index]))


def alike(name, other):
    """Whether the letters and digits are the same, perhaps of the first of several synonyms."""
    return any(letters(one) == letters(two) for one in firsts(name) for two in firsts(other))


def firsts(name):
    return (name, name.split(",")[0])


def letters(name):
    return re.sub(r"[-_/\\\s]", "", unicodedata.normalize("NFKC", name.casefold())).casefold()


@given(NAMES, st.permutations(range(8)))
def test_the_order_of_the_classes_changes_nothing(classes, order):
    found = [name.swapcase() for name in classes[:2]]
    turned = [classes[i] for i in order if i < len(classes)]
    assert outcome(found, classes) == outcome(found, turned)


def outcome(found, classes):
    try:
        return [classes[i] for i in match_classes(found, classes, [], "here")]
    except InputError:
        return "refused"


@pytest.mark.parametrize(
    ("found", "index"),
    [
        ("COAT", 2),
        ("Ankle_Boot", 0),
        ("ankle--boot", 0),
        (" ankle/boot ", 0),
        ("ankle\\boot", 0),
        ("ｂａｇ", 1),
        ("bag, handbag, purse", 1),
        ("Ankle-Boot, bootee", 0),
    ],
)
def test_case_width_separators_and_further_synonyms_do_not_count(found, index):
    assert match_classes([found], CLASSES, [], "here") == [index]


def test_a_name_is_the_first_of_a_class_s_synonyms():
    assert match_classes(["Tench"], ["goldfish", "tench, Tinca tinca"], [], "here") == [1]


def test_case_is_folded_as_unicode_does():
    assert match_classes(["STRASSE"], ["bag", "straße"], [], "here") == [1]


@pytest.mark.parametrize("name", ["ankleboot", "ankle.boot", "boot, ankle boot"])
def test_other_punctuation_joined_words_and_later_synonyms_are_other_names(name):
    with pytest.raises(InputError, match="does not have"):
        match_classes([name], CLASSES, [], "here")


@pytest.mark.parametrize(
    "classes",
    [
        ["A", "a"],
        ["-1", "1"],
        ["+", "-", "_"],
        ["C", "C++", "C#"],
        ["数字1", "文字1"],
        ["Maß", "Mass", "Ma"],
        ["caf\u00e9", "CAF\u00c9"],
        ["cardigan", "cardigan, Cardigan Welsh corgi"],
        ["क\u094dष", "क\u094d\u200dष"],
    ],
)
def test_names_that_folding_would_merge_are_told_apart(classes):
    apart = [unicodedata.normalize("NFD", name) for name in classes]  # as macOS names files
    assert match_classes(classes[::-1], classes, [], "here")[::-1] == list(range(len(classes)))
    assert match_classes(apart, classes, [], "here") == list(range(len(classes)))


def test_aliases_name_classes_and_a_class_keeps_its_own_name():
    aliases = [("Boots", "ankle boot"), ("bag", "coat"), ("parka", "a class of another classifier")]
    assert match_classes(["boots", "bag"], CLASSES, aliases, "here") == [0, 1]
    with pytest.raises(InputError, match="does not have: 'parka'; it has 'ankle boot', 'bag'"):
        match_classes(["parka"], CLASSES, aliases, "here")


@pytest.mark.parametrize(
    ("found", "classes", "aliases", "complaint"),
    [
        (
            ["crane"],
            ["bird", "machine"],
            [("crane", "bird"), ("crane", "machine")],
            "may mean 'bird' or 'machine'",
        ),
        (["us"], ["US", "Us"], [], "'us', which may mean 'US' or 'Us'; give one of them a name"),
        (["A", "a"], ["A", "b"], [], "'A' and 'a', which both mean 'A'; rename or remove"),
        (
            ["coat", "parka"],
            CLASSES,
            [("parka", "coat")],
            "'coat' and 'parka', which both mean 'coat'",
        ),
        (["crane", "crane"], ["crane", "bag"], [], "'crane' and 'crane', which both mean 'crane'"),
        (["maillot", "maillot, tank suit"], ["maillot", "bag"], [], "both mean 'maillot'"),
        (["crane"], ["crane", "bag", "crane"], [], "may mean 'crane' or 'crane'"),
        (["-"], ["_", "+"], [], "does not have: '-'"),
        (["cat, black"], ["cat, white", "dog"], [], "does not have: 'cat, black'"),
    ],
)
def test_what_may_mean_two_classes_is_refused(found, classes, aliases, complaint):
    with pytest.raises(InputError, match=re.escape(complaint)) as caught:
        match_classes(found, classes, aliases, "here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("count", "listed"),
    [
        (1, "'x0'; it has"),
        (20, ", ".join(f"'x{n}'" for n in range(20)) + "; it has"),
        (23, "'x18', 'x19' and 3 more; it has"),
    ],
)
def test_up_to_twenty_strange_names_are_listed_and_the_rest_counted(count, listed):
    with pytest.raises(InputError, match=re.escape(listed)):
        match_classes([f"x{n}" for n in range(count)], CLASSES, [], "here")


def source(names, labels, is_numbered=False):
    return Labelled(names, np.array(labels), (), is_numbered=is_numbered)


@pytest.mark.parametrize("names", [["A", "a"], ["crane", "crane"], ["-1", "1"], ["+", "-"]])
def test_a_source_s_own_names_are_not_compared_with_each_other(names):
    for classes in (None, names):
        assert labels_in(source(names, [1, 0]), classes, [], "here").tolist() == [1, 0]


def test_numbers_without_names_follow_the_classes_only_when_asked(caplog):
    found = source(["0", "1"], [1, 0, 1], is_numbered=True)
    assert labels_in(found, ["1", "0"], [], "here").tolist() == [0, 1, 0]
    assert not caplog.messages
    with pytest.raises(InputError, match=r"numbers without names.*'cat', 'dog'.*--label-order"):
        labels_in(found, ["cat", "dog"], [], "here")
    assert labels_in(found, ["cat", "dog"], [], "here", label_order=True).tolist() == [1, 0, 1]
    assert caplog.messages == [
        "labels of here are taken in the order of the classes: 0 'cat', 1 'dog'"
    ]


def test_a_number_beyond_the_classes_is_refused():
    found = source(["0", "1", "2"], [0, 2], is_numbered=True)
    with pytest.raises(
        InputError, match="image 1 of 'here' has label 2, outside the 2 class names"
    ):
        labels_in(found, ["cat", "dog"], [], "here", label_order=True)
