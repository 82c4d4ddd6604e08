"""Pictures in a terminal, read back from what was printed."""

import io
import re

import pytest
from PIL import Image
from rich.console import Console

from zeroreal.cli.pictures import PictureRow

RED, BLUE = (255, 0, 0), (0, 0, 255)


def printed(row, width=80, **options):
    file = io.StringIO()
    settings = {"force_terminal": True, "color_system": "truecolor", **options}
    Console(file=file, width=width, **settings).print(row, crop=False)
    return file.getvalue()


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


def image(width=4, height=4, colour=RED):
    return Image.new("RGB", (width, height), colour)


def test_a_character_holds_two_pixels_one_above_the_other():
    picture = image(1, 2)
    picture.putpixel((0, 1), BLUE)
    assert "\x1b[38;2;255;0;0;48;2;0;0;255m▀" in printed(PictureRow([picture]))


def test_a_picture_is_as_many_columns_wide_and_half_as_many_lines_high():
    assert plain(printed(PictureRow([image(8, 8)]))) == ["▀" * 8] * 4


def test_pictures_stand_side_by_side():
    assert (
        plain(printed(PictureRow([image(8, 8), image(8, 8, BLUE)], gap=2)))
        == ["▀" * 8 + "  " + "▀" * 8] * 4
    )


@pytest.mark.parametrize(("count", "width"), [(1, 20), (4, 80), (16, 80), (16, 30), (3, 5)])
def test_no_line_is_wider_than_the_terminal(count, width):
    lines = plain(printed(PictureRow([image(64, 64)] * count), width=width))
    assert lines
    assert max(len(line) for line in lines) <= width


def test_large_pictures_are_reduced_until_all_fit():
    (line, *_) = plain(printed(PictureRow([image(64, 64)] * 4), width=80))
    assert line.count(" ") == 3


def test_pictures_that_do_not_fit_even_so_are_left_out():
    (line, *_) = plain(printed(PictureRow([image(64, 64)] * 16), width=30))
    assert line == " ".join(["▀" * 8] * 3)


@pytest.mark.parametrize("options", [{"force_terminal": False}, {"color_system": None}])
def test_nothing_is_drawn_where_there_is_no_terminal_or_no_colour(options):
    assert plain(printed(PictureRow([image()]), **options)) in ([], [""])


def test_no_picture_draws_nothing():
    assert plain(printed(PictureRow([]))) in ([], [""])


def test_grey_pictures_and_pictures_of_several_heights_are_drawn():
    lines = plain(printed(PictureRow([Image.new("L", (8, 4), 7), image(8, 8)])))
    assert lines[0] == "▀" * 8 + " " + "▀" * 8
    assert lines[-1] == " " * 9 + "▀" * 8
