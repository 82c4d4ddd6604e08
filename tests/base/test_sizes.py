"""Sizes in bytes as people write and read them; the factors are those of IEC 80000-13."""

import pytest

from zeroreal.base import InputError
from zeroreal.base.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16GiB", 17179869184),
        ("16GB", 16000000000),
        ("500 MB", 500000000),
        ("1.5gib", 1610612736),
        ("2048", 2048),
        ("  7 MiB ", 7340032),
        ("9B", 9),
        ("3KB", 3000),
        ("3KiB", 3072),
        ("2TB", 2000000000000),
        ("2TiB", 2199023255552),
        ("0.25KiB", 256),
        ("1B", 1),
    ],
)
def test_sizes_are_read_with_decimal_and_binary_units(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "16 gigs", "-1GiB", "GiB", "1e9", "1,5GiB", "1.GiB"])
def test_what_is_no_size_gets_an_example(text):
    with pytest.raises(InputError, match="give a number and a unit, such as 16GiB"):
        parse_size(text)


@pytest.mark.parametrize("text", ["0GiB", "0", "0.9B"])
def test_less_than_a_byte_is_refused(text):
    with pytest.raises(InputError, match="is less than a byte"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1610612736, "1.5 GiB"),
        (52428800, "50 MiB"),
        (1073741824, "1.0 GiB"),
        (1072693248, "1023 MiB"),
        (1099511627776, "1024.0 GiB"),
    ],
)
def test_sizes_are_shown_in_binary_units(size, text):
    assert size_text(size) == text
