"""The graph's resize is that of the files which `predict` reads."""

import numpy as np
import pytest
import torch
from PIL import Image

from zeroreal.data.decode import decode
from zeroreal.export.classifier.square import to_square

SIZES = [(16, 16), (40, 40), (16, 23), (61, 16), (37, 90), (300, 181), (7, 12), (16, 17), (5, 200)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_gives_what_decoding_a_file_of_that_size_does(height, width):
    rows = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    expected, _ = decode(Image.fromarray(rows), "a picture", 16)
    pixels = torch.from_numpy(rows).permute(2, 0, 1)[None].float()
    found = to_square(pixels, 16)[0].permute(1, 2, 0).numpy()
    difference = np.abs(found - expected)
    assert difference.max() <= 1
    assert (difference == 0).mean() > 0.99


def test_a_picture_of_that_size_stays_as_it_is():
    pixels = torch.randint(0, 256, (2, 3, 16, 16)).float()
    assert torch.equal(to_square(pixels, 16), pixels)


def test_the_middle_of_a_wide_picture_is_cut_and_not_squeezed():
    pixels = torch.zeros(1, 3, 16, 48)
    pixels[..., 16:32] = 255
    assert torch.equal(to_square(pixels, 16), torch.full((1, 3, 16, 16), 255.0))
