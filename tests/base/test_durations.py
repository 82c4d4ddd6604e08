"""Durations as people write and read them."""

import re

import pytest

from zeroreal.base import InputError
from zeroreal.base.durations import duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", 600),
        ("90s", 90),
        ("600", 600),
        ("1h30m", 5400),
        ("1.5H", 5400),
        (" 1m5s ", 65),
        ("2h3m4s", 7384),
        ("0.5", 0.5),
        ("1h1s", 3601),
    ],
)
def test_a_duration_is_read_with_or_without_units(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "ten minutes", "-5m", "0", "0m", "0h0m0s", "5d", "1h30", "m10", "1..5m", "2h 5s", "5m1h"],
)
def test_what_is_no_duration_is_declined(text):
    with pytest.raises(InputError, match=re.escape(f"{text!r} is not a duration")):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (59.2, "1m"),
        (600, "10m"),
        (3661, "1h1m1s"),
        (7200, "2h"),
        (0.1, "1s"),
        (59, "59s"),
        (3601, "1h1s"),
        (3599, "59m59s"),
        (90000, "25h"),
    ],
)
def test_a_duration_is_written_in_whole_seconds_rounded_up(seconds, text):
    assert duration_text(seconds) == text
