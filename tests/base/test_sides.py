"""Sizes of images as people write them."""

import pytest

from zeroreal.base import InputError
from zeroreal.base.sides import both_sides, parse_sides, sides_text


@pytest.mark.parametrize(
    ("text", "sides", "both"),
    [
        ("512", 512, (512, 512)),
        ("512x768", (512, 768), (512, 768)),
        ("512x512", 512, (512, 512)),
        (" 24x16 ", (24, 16), (24, 16)),
    ],
)
def test_a_size_is_a_side_or_height_and_width(text, sides, both):
    assert parse_sides(text) == sides
    assert both_sides(sides) == both
    assert parse_sides(sides_text(sides)) == sides


@pytest.mark.parametrize(
    "text", ["", "big", "512x", "x512", "1x2x3", "-8", "8.5", "512X768", "9" * 99]
)
def test_what_is_no_size_is_refused_with_examples(text):
    with pytest.raises(InputError, match=r"is not a size in pixels: give .* 512x768"):
        parse_sides(text)
