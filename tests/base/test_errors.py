"""Complaints about names that are not known."""

from zeroreal.base import (
    unknown,
)


def test_unknown_names_suggest_the_nearest_and_list_what_exists():
    message = str(unknown("fruit", "aple", ["apple", "pear"]))
    assert message == "unknown fruit 'aple': did you mean 'apple'? known are apple, pear"
    assert "did you mean" not in str(unknown("fruit", "xyz", ["apple", "pear"]))
    many = str(unknown("number", "7", map(str, range(1000, 2000))))
    assert many.endswith(", ...")
    assert "1007, 1017" in many, "of many, those that hold the name"


def test_what_is_no_name_is_unknown_and_shown_in_short():
    fruits = ["apple", "pear"]
    assert str(unknown("fruit", ["apple"], fruits)) == (
        "unknown fruit ['apple']: known are apple, pear"
    )
    assert len(str(unknown("fruit", "\x1b" * 10**6, fruits))) < 500
