"""The pictures of a run, checked pixel by pixel where pixels are promised."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from zeroreal.report.pictures import MAX_ROWS, confusion_picture, png_bytes, sample_grid


def coloured(colours, size):
    """One plain image per colour, uint8 `[N, size, size, 3]`."""
    return torch.tensor(colours, dtype=torch.uint8)[:, None, None].expand(-1, size, size, -1)


def has_colour(picture, colour):
    return bool((np.asarray(picture) == colour).all(-1).any())


def rows_of(picture, colour):
    return np.flatnonzero((np.asarray(picture) == colour).all(-1).any(1))


def test_each_class_has_its_row_in_class_order():
    red, green = (250, 0, 0), (0, 250, 0)
    grid = sample_grid(coloured([green, red, green], 32), torch.tensor([1, 0, 1]), ["a", "b"])
    assert grid.mode == "RGB"
    assert rows_of(grid, red).max() < rows_of(grid, green).min()


def test_only_the_first_images_of_a_class_are_shown():
    colours = [(10 * i, 200, 7) for i in range(12)]
    grid = sample_grid(coloured(colours, 16), torch.zeros(12, dtype=torch.int64), ["a"], columns=10)
    assert [has_colour(grid, colour) for colour in colours] == [True] * 10 + [False] * 2


def test_small_images_are_enlarged_without_new_colours():
    pixels = torch.tensor([[200, 60], [60, 200]], dtype=torch.uint8)[None, ..., None]
    image = pixels.expand(1, 2, 2, 3).repeat_interleave(14, 1).repeat_interleave(14, 2)
    grid = np.asarray(sample_grid(image, torch.tensor([0]), [""], columns=1))
    assert np.unique(grid).tolist() == [60, 200, 255]
    assert (grid == 200).sum() > 28 * 28 * 3  # half of the image, at twice its size or more


def test_large_images_are_reduced():
    grid = sample_grid(coloured([(1, 2, 3)], 512), torch.tensor([0]), ["a"], columns=1)
    assert grid.height < 200


def test_many_classes_are_cut_and_the_grid_says_so():
    def height(count):
        classes = [f"class {i}" for i in range(count)]
        return sample_grid(coloured([(1, 2, 3)], 32), torch.tensor([0]), classes).height

    assert height(MAX_ROWS) < height(MAX_ROWS + 1) < height(MAX_ROWS) + 50
    assert height(MAX_ROWS + 1) == height(1000)


def test_a_class_without_images_and_a_long_name_are_drawn():
    names = ["x" * 500, "鞋"]
    grid = sample_grid(coloured([(1, 2, 3)], 32), torch.tensor([0]), names, columns=2)
    assert grid.width < 500


def test_cells_of_the_confusion_matrix_are_darker_the_larger_their_share():
    counts = torch.tensor([[1, 3], [4000, 0]])
    pixels = np.asarray(confusion_picture(counts, ["a", "b"])).astype(int).sum(-1)
    # The picture opens with the matrix; find it as the block of cells that are not white.
    columns = np.flatnonzero((pixels < 765).mean(0) > 0.6)
    rows = np.flatnonzero((pixels[:, columns] < 765).mean(1) > 0.9)
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    # Near the corners of each cell, away from the counts in the middle.
    inset = (bottom - top) // 12
    upper = pixels[top + inset, [left + inset, right - inset]]
    lower = pixels[bottom - inset, [left + inset, right - inset]]
    assert lower[0] < upper[1] < upper[0] < lower[1]


def test_confusion_pictures_take_any_names_and_numbers_of_classes():
    for count in (1, 2, 30, 200):
        names = [f"$\\frac{i}$ <b> 鞋 {'long ' * (i % 9)}" for i in range(count)]
        picture = confusion_picture(torch.eye(count, dtype=torch.int64), names)
        assert picture.mode == "RGB"
        assert max(picture.size) < 2000


def test_png_bytes_hold_the_same_pixels():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8))
    again = Image.open(io.BytesIO(png_bytes(image)))
    assert again.format == "PNG"
    assert again.tobytes() == image.tobytes()


@pytest.mark.parametrize("name", ["a\u2029b", "a\u2028b", "a\nb", "a\x85b", "a\x1b[31mb", "\udce9"])
def test_a_name_that_no_picture_can_show_ends_nothing(name):
    images, labels = coloured([(250, 0, 0)], 8), torch.tensor([0])
    shown = name.encode("ascii", "backslashreplace").decode()
    shown = shown.replace("\n", "\\n").replace("\x1b", "\\x1b")
    ours, theirs = (sample_grid(images, labels, [one, "ok"]) for one in (name, shown))
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))
    assert confusion_picture(torch.eye(2, dtype=torch.int64), [name, "ok"]).size
