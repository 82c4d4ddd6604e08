"""What computers do to pictures, against NumPy, SciPy, Pillow and torchvision."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torchvision.transforms.v2 import functional as vision

from zeroreal.run.probe.corruptions import digital
from zeroreal.run.probe.corruptions.table import CORRUPTIONS


def levels(pixels):
    """uint8 `[B, S, S, 3]`."""
    return (pixels * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def test_contrast_is_what_is_left_of_the_distance_from_the_mean(pixels, draws):
    found = digital.contrast(pixels, draws, 0.15).numpy()
    means = pixels.double().numpy().mean((2, 3), keepdims=True)
    assert np.abs(found - ((pixels.numpy() - means) * 0.15 + means)).max() < 1e-6


@pytest.mark.parametrize("share", [0.95, 0.9, 0.85, 0.75, 0.65, 0.25])
def test_large_pixels_are_pillows_boxes(pixels, draws, share):
    found = levels(digital.pixelate(pixels, draws, share))
    small = int(32 * share)
    for picture, one in zip(levels(pixels), found, strict=True):
        expected = Image.fromarray(picture).resize((small, small), Image.Resampling.BOX)
        expected = expected.resize((32, 32), Image.Resampling.BOX)
        apart = np.abs(np.asarray(expected).astype(int) - one)
        assert apart.max() <= 1  # a half that rounds the other way
        assert (apart > 0).mean() < 0.01


@pytest.mark.parametrize("quality", [80, 40, 7])
def test_jpeg_is_libjpegs(pixels, draws, quality):
    found = levels(digital.jpeg(pixels, draws, quality))
    for picture, one in zip(levels(pixels), found, strict=True):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        assert np.array_equal(one, np.asarray(Image.open(file)))
        chw = torch.from_numpy(picture).permute(2, 0, 1).contiguous()
        other = vision.jpeg(chw, quality).permute(1, 2, 0).numpy()
        assert np.abs(one.astype(int) - other).mean() < 2


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("size", ["small", "large"])
def test_elastic_warps_are_scipys(pixels, draws, size, level):
    warp = getattr(CORRUPTIONS["elastic"], size)[level]
    found = digital.elastic(pixels, draws, warp)
    strength, sigma, farthest = (32 * share for share in warp)
    image, side = 1, 32
    y, x = np.mgrid[:side, :side].astype(float)

    moves = (draws.uniform((3, 2), 0)[image].numpy() * 2 - 1) * farthest
    before = np.array([[26, 26], [26, 6], [6, 6]], float)  # x and y: 16 ± 10
    forward = np.linalg.solve(np.c_[before, np.ones(3)], before + moves).T  # [2, 3]
    linear = np.linalg.inv(forward[:, :2])
    places = linear @ (np.stack([x.ravel(), y.ravel()]) - forward[:, 2:])
    source_x, source_y = places.reshape(2, side, side)
    fields = draws.uniform((2, side, side), 1)[image].numpy() * 2 - 1
    across, down = (
        strength * ndimage.gaussian_filter(field, sigma, mode="reflect", truncate=3)
        for field in fields
    )
    for channel in range(3):
        plane = pixels[image, channel].double().numpy()
        mapped = ndimage.map_coordinates(plane, [source_y, source_x], order=1, mode="mirror")
        where = [y + down, x + across]
        expected = ndimage.map_coordinates(mapped, where, order=1, mode="reflect")
        assert np.abs(found[image, channel].numpy() - expected).max() < 1e-3
