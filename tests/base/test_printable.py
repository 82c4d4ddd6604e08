"""What a terminal or a spreadsheet would obey is shown as text."""

import pytest

from zeroreal.base.printable import printable, text_cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("golden retriever", "golden retriever"),
        ("Hündin, собака, 犬, 🐕‍🦺", "Hündin, собака, 犬, 🐕‍🦺"),
        ("\x1b[2Jcat", r"\x1b[2Jcat"),
        ("\x9b31mcat", r"\x9b31mcat"),
        ("a\rb\nc\td\0", r"a\rb\nc\td\x00"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("gnp\u202e.exe", r"gnp\u202e.exe"),
        ("\udce9t\udce9", r"\udce9t\udce9"),
    ],
)
def test_what_is_no_picture_of_anything_is_escaped(text, shown):
    assert printable(text) == shown


def test_what_is_to_be_kept_stays():
    assert printable("a\nb\tc\x1b", keep="\n\t") == "a\nb\tc\\x1b"


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_cells_that_begin_as_formulas_are_text(value):
    assert text_cell(value) == f"'{value}"


@pytest.mark.parametrize("value", ["cat", "a=1", -1, -1.5, None, "", "'=1"])
def test_other_cells_are_as_they_are(value):
    assert text_cell(value) is value
