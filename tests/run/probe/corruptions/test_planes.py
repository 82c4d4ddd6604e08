"""Filters and resampling against SciPy and Pillow."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from zeroreal.run.probe.corruptions import planes


@pytest.mark.parametrize("border", ["nearest", "mirror", "reflect"])
@pytest.mark.parametrize(("sigma", "truncate"), [(0.05, 4), (0.4, 4), (1.5, 4), (25.0, 3)])
def test_gaussians_are_scipys(pixels, border, sigma, truncate):
    found = planes.gaussian(pixels, sigma, truncate, border)
    sigmas = (0, 0, sigma, sigma)
    expected = ndimage.gaussian_filter(pixels.double(), sigmas, mode=border, truncate=truncate)
    assert np.abs(found.numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("border", ["nearest", "mirror", "reflect"])
@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_places_beyond_the_border_are_scipys(border, side):
    places = torch.arange(-3 * side, 4 * side)
    line = np.arange(side, dtype=float)
    expected = ndimage.map_coordinates(line, [places.numpy()], order=0, mode=border)
    assert planes.folded(places, side, border).tolist() == expected.tolist()


def test_kernels_are_correlated_as_by_scipy(pixels):
    kernel = torch.rand(5, 5, generator=torch.Generator().manual_seed(0))
    found = planes.filtered(pixels, kernel, "mirror")
    expected = ndimage.correlate(pixels.double(), kernel[None, None].double(), mode="mirror")
    assert np.abs(found.numpy() - expected).max() < 1e-5


@pytest.mark.parametrize(("before", "after"), [(32, 30), (30, 32), (32, 20), (20, 32), (7, 3)])
def test_boxes_are_pillows(before, after):
    random = np.random.default_rng(0)
    levels = random.integers(0, 256, (before, before), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(levels).resize((after, after), Image.Resampling.BOX))
    exact = planes.on_both_axes(torch.from_numpy(levels).float(), planes.box_matrix(before, after))
    assert np.abs(exact.numpy() - expected).max() <= 1  # which rounds after each pass


@pytest.mark.parametrize("factor", [1.0, 1.01, 1.06, 1.2, 1.75, 3.0])
def test_enlarging_is_scipys(pixels, clipped_zoom, factor):
    found = planes.zoomed(pixels, factor)
    for row, picture in enumerate(pixels.numpy()):
        for channel, plane in enumerate(picture):
            expected = clipped_zoom(plane, factor)
            assert np.abs(found[row, channel].numpy() - expected).max() < 1e-5
