"""Weather, step by step as it was published, by NumPy, SciPy and Matplotlib."""

import numpy as np
import pytest
import torch
from matplotlib import colors
from scipy import ndimage

from zeroreal.run.probe.corruptions import weather
from zeroreal.run.probe.corruptions.table import CORRUPTIONS


def diamond_square(size, decay, moves):
    """Point by point, on a torus; `moves` gives each fold's numbers of -1 to 1."""
    field = np.zeros((size, size))
    step, amplitude = size, 100.0
    while step >= 2:
        half = step // 2
        folds = [
            (half, half, [(-half, -half), (-half, half), (half, -half), (half, half)]),
            (0, half, [(-half, 0), (half, 0), (0, -half), (0, half)]),
            (half, 0, [(-half, 0), (half, 0), (0, -half), (0, half)]),
        ]
        for top, left, around in folds:
            drawn = next(moves)
            for i, row in enumerate(range(top, size, step)):
                for j, column in enumerate(range(left, size, step)):
                    near = [field[(row + y) % size, (column + x) % size] for y, x in around]
                    field[row, column] = np.mean(near) + amplitude**2 * drawn[i, j]
        step, amplitude = half, amplitude / decay
    field -= field.min()
    return field / field.max()


def numbers(draws, image, size):
    """The numbers of each fold for an image, in order."""
    number, points = 16, 1
    while points < size:
        for _ in range(3):
            yield draws.uniform((points, points), number)[image].numpy() * 2 - 1
            number += 1
        points *= 2


@pytest.mark.parametrize(("side", "size", "decay"), [(32, 32, 3.0), (20, 32, 1.75), (8, 8, 2.0)])
def test_clouds_are_those_of_diamonds_and_squares(draws, side, size, decay):
    found = weather.plasma(draws, side, decay)
    for image in range(3):
        expected = diamond_square(size, decay, numbers(draws, image, size))
        assert np.abs(found[image].numpy() - expected[:side, :side]).max() < 1e-6


def test_fog_lies_over_the_picture_and_keeps_its_brightest_value(pixels, draws):
    found = weather.fog(pixels, draws, (1.5, 1.75)).numpy()
    cloud = diamond_square(32, 1.75, numbers(draws, 1, 32))
    picture = pixels[1].numpy()
    expected = (picture + 1.5 * cloud) * picture.max() / (picture.max() + 1.5)
    assert np.abs(found[1] - expected).max() < 1e-5


def test_brightness_raises_the_value_alone(pixels, draws):
    picture = pixels.clone()
    picture[0, :, :4] = 0  # black has no hue
    found = weather.brightness(picture, draws, 0.3)
    hsv = colors.rgb_to_hsv(picture.permute(0, 2, 3, 1).numpy())
    hsv[..., 2] = np.clip(hsv[..., 2] + 0.3, 0, 1)
    expected = colors.hsv_to_rgb(hsv)
    assert np.abs(found.permute(0, 2, 3, 1).numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("level", range(5))
def test_snow_falls_as_published(pixels, draws, motion, clipped_zoom, level):
    flakes = CORRUPTIONS["snow"].small[level]
    mean, deviation, zoom, threshold, radius, sigma, kept = flakes
    found = weather.snow(pixels, draws, flakes).clamp(0, 1)
    image = 2
    layer = clipped_zoom(mean + deviation * draws.normal((1, 32, 32), 0)[image, 0].numpy(), zoom)
    layer[layer < threshold] = 0
    layer = np.uint8(np.clip(layer, 0, 1) * 255) / 255
    degrees = float(draws.uniform((), 1)[image]) * 90 - 135
    layer = motion(layer, radius, sigma, degrees)
    picture = pixels[image].numpy()
    grey = 0.299 * picture[0] + 0.587 * picture[1] + 0.114 * picture[2]
    pale = kept * picture + (1 - kept) * np.maximum(picture, grey * 1.5 + 0.5)
    expected = np.clip(pale + layer + np.rot90(layer, k=2), 0, 1)
    assert np.abs(found[image].numpy() - expected).max() < 1e-4


def test_frost_lays_ice_over_a_share_of_the_picture(draws):
    black = torch.zeros(3, 3, 32, 32)
    ice = weather.frost(black, draws, (0.75, 0.45))
    white = weather.frost(black + 1, draws, (0.75, 0.45))
    assert torch.allclose(white - ice, torch.tensor(0.75), atol=1e-6)
    cloud = diamond_square(32, 1.8, numbers(draws, 0, 32))
    ridges = (1 - np.abs(2 * cloud - 1)) ** 2
    assert np.abs(ice[0, 2].numpy() - 0.45 * ridges).max() < 1e-5
    assert torch.all(ice[:, 0] <= ice[:, 2])  # bluish
    assert 0.05 < float(ice.mean()) < 0.45


def test_clouds_of_images_differ(draws):
    found = weather.plasma(draws, 32, 2.0)
    smooth = ndimage.gaussian_filter(found.numpy(), (0, 2, 2))
    assert np.abs(smooth[0] - smooth[1]).max() > 0.1
