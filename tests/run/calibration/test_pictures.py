"""Pictures off the classes: what is done to images, and what follows from a seed alone."""

import pytest
import torch

from zeroreal.run.calibration import pictures


@pytest.fixture(scope="module")
def images():
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (6, 30, 30, 3), dtype=torch.uint8, generator=draw)


MAKERS = {
    "degraded": lambda images, seed: pictures.degraded(images, seed),
    "in pieces": lambda images, seed: pictures.in_pieces(images, seed),
    "noise": lambda images, seed: pictures.noise(6, 30, seed),
    "patterns": lambda images, seed: pictures.patterns(6, 30, seed),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_pictures_follow_from_the_seed(images, maker):
    make = MAKERS[maker]
    before = images.clone()
    found = make(images, 1)
    assert (found.dtype, found.shape) == (torch.uint8, images.shape)
    assert torch.equal(found, make(images, 1))
    assert not torch.equal(found, make(images, 2))
    assert not torch.equal(found, images)
    assert torch.equal(images, before)


def test_a_mixed_image_lies_in_the_middle_of_two():
    dark, bright = torch.tensor([10, 0, 255]), torch.tensor([21, 255, 255])
    found = pictures.mixed(dark.to(torch.uint8), bright.to(torch.uint8))
    assert found.tolist() == [16, 128, 255]


def test_pieces_are_moved_whole():
    grid = torch.arange(4)[:, None] * 4 + torch.arange(4)  # [4, 4], a number for each piece
    image = grid.repeat_interleave(8, 0).repeat_interleave(8, 1).to(torch.uint8)
    images = image[None, :, :, None].expand(3, 32, 32, 3)
    found = pictures.in_pieces(images, 5)
    for one in found:
        pieces = one[..., 0].unfold(0, 8, 8).unfold(1, 8, 8).reshape(16, 64)
        assert (pieces == pieces[:, :1]).all()  # each is of one number
        assert sorted(pieces[:, 0].tolist()) == list(range(16))
    assert len({tuple(one.flatten().tolist()) for one in found}) == 3


def test_a_rest_that_makes_no_piece_stays(images):
    found = pictures.in_pieces(images, 1)  # 30 pixels: four pieces of 7
    assert torch.equal(found[:, 28:], images[:, 28:])
    assert torch.equal(found[:, :, 28:], images[:, :, 28:])


@pytest.mark.parametrize("side", [2, 3])
def test_the_smallest_images_come_in_pieces_too(side):
    images = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    assert pictures.in_pieces(images, 0).shape == images.shape


def test_patterns_have_less_of_high_frequencies_and_use_the_range():
    found = pictures.patterns(64, 32, 0).float()
    powers = torch.fft.fft2(found - found.mean((1, 2), keepdim=True), dim=(1, 2)).abs().square()
    low, high = powers[:, 1:3, 1:3].mean(), powers[:, 12:16, 12:16].mean()
    assert low > 10 * high
    assert 110 < found.mean() < 145
    assert 50 < found.std() < 75
