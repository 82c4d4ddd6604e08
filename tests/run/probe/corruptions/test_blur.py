"""Blurs against plain loops and SciPy, step by step as they were published."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from zeroreal.run.probe.corruptions import blur
from zeroreal.run.probe.corruptions.table import CORRUPTIONS


def test_a_small_disk_is_a_soft_point():
    edge = math.exp(-0.5 / 0.4**2)
    line = np.array([edge, 1, edge]) / (1 + 2 * edge)
    assert np.allclose(blur._disk(0.3, 0.4).numpy(), np.outer(line, line), atol=1e-6)


def test_a_disk_is_even_and_softened_as_by_scipy():
    found = blur._disk(10, 0.5).numpy()
    line = np.arange(-10, 11)
    disk = (line**2 + line[:, None] ** 2 <= 100).astype(float)
    expected = ndimage.gaussian_filter(disk / disk.sum(), 0.5, mode="mirror", radius=2)
    assert np.allclose(found, expected, atol=1e-7)


def test_out_of_focus_is_the_mean_over_nine_pixels(pixels, draws):
    found = blur.defocus_blur(pixels, draws, (1.5, 0.1))
    expected = ndimage.uniform_filter(pixels.double(), (0, 0, 3, 3), mode="mirror")
    assert np.abs(found.numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_frosted_glass_copies_pixels_one_after_the_other(reach):
    side = 12
    random = torch.Generator().manual_seed(reach)
    moves = torch.randint(-reach, reach, (3, 2, side, side), generator=random)
    found = blur._glass_sources(moves, reach)
    for row, (down, across) in enumerate(moves.tolist()):
        pixels = np.arange(side * side).reshape(side, side)
        for h in range(side - reach, reach, -1):
            for w in range(side - reach, reach, -1):
                pixels[h, w] = pixels[h + down[h][w], w + across[h][w]]
        assert found[row].tolist() == pixels.flatten().tolist()


def test_frosted_glass_blurs_before_and_after(pixels, draws):
    flat = torch.full_like(pixels, 100 / 255)
    assert torch.allclose(blur.glass_blur(flat, draws, (0.7, 2, 2)), flat, atol=1e-5)
    found = blur.glass_blur(pixels, draws, (0.7, 1, 2))
    assert float((found - pixels).abs().mean()) > 0.01
    still = blur.glass_blur(pixels, draws, (0.7, 1, 0))
    sigmas = (0, 0, 0.7, 0.7)
    once = np.floor(ndimage.gaussian_filter(pixels.double(), sigmas, mode="nearest") * 255) / 255
    twice = ndimage.gaussian_filter(once, sigmas, mode="nearest")
    assert np.abs(still.numpy() - twice).max() < 1.5 / 255  # a level where rounding differs


@pytest.mark.parametrize(("radius", "sigma"), [(6, 1.0), (9, 2.5), (20, 15.0)])
def test_motion_is_imagemagicks(pixels, motion, radius, sigma):
    degrees = torch.tensor([0.0, 33.0, -100.0], dtype=torch.float64)
    found = blur.moved(pixels, radius, sigma, degrees)
    for row, angle in enumerate(degrees.tolist()):
        expected = motion(pixels[row, 1].numpy(), radius, sigma, angle)
        assert np.abs(found[row, 1].numpy() - expected).max() < 1e-5


def test_motion_goes_within_45_degrees_of_the_horizontal(pixels, draws, motion):
    found = blur.motion_blur(pixels, draws, (6, 2.0))
    degrees = draws.uniform((), 0) * 90 - 45
    expected = motion(pixels[2, 0].numpy(), 6, 2.0, float(degrees[2]))
    assert np.abs(found[2, 0].numpy() - expected).max() < 1e-5


@pytest.mark.parametrize(("size", "level"), [("small", 0), ("small", 4), ("large", 2)])
def test_zooming_is_the_mean_of_enlargements(pixels, draws, clipped_zoom, size, level):
    factors = getattr(CORRUPTIONS["zoom-blur"], size)[level]
    found = blur.zoom_blur(pixels, draws, factors)
    plane = pixels[0, 2].numpy()
    expected = (plane + sum(clipped_zoom(plane, one) for one in factors)) / (len(factors) + 1)
    assert np.abs(found[0, 2].numpy() - expected).max() < 1e-5


def test_zoom_factors_are_numpys():
    assert len(CORRUPTIONS["zoom-blur"].small[0]) == len(np.arange(1, 1.06, 0.01))
    assert CORRUPTIONS["zoom-blur"].large[4][-1] < 1.31
