"""What the tests of corruptions share."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from zeroreal.run.probe.corruptions.draws import draws_of

SIDE = 32


@pytest.fixture(scope="session")
def pixels():
    """Pictures with structure and colour, float32 `[3, 3, 32, 32]` of 0 to 1 in 256 levels."""
    random = np.random.default_rng(0)
    noise = random.normal(size=(3, 3, SIDE, SIDE))
    smooth = ndimage.gaussian_filter(noise, (0, 0, 2, 2), mode="wrap")
    levels = np.rint(np.clip(128 + 400 * smooth + 10 * noise, 0, 255))
    return torch.from_numpy(levels / 255).float()


@pytest.fixture(scope="session")
def draws():
    """What is drawn for them."""
    return draws_of(0, "test", torch.arange(3))


@pytest.fixture(scope="session")
def motion():
    """ImageMagick's motion blur of a plane `[S, S]` by plain loops: see `MotionBlurImage`."""

    def blur(plane, radius, sigma, degrees):
        side, width = len(plane), 2 * radius + 1
        kernel = np.array([np.exp(-(i**2) / (2 * sigma**2)) for i in range(width)])
        kernel /= kernel.sum()
        angle = np.deg2rad(degrees)
        found = np.zeros((side, side))
        for row in range(side):
            for column in range(side):
                for i, weight in enumerate(kernel):
                    y = row + int(np.ceil(i * np.sin(angle) - 0.5))
                    x = column + int(np.ceil(i * np.cos(angle) - 0.5))
                    y, x = min(max(y, 0), side - 1), min(max(x, 0), side - 1)
                    found[row, column] += weight * plane[y, x]
        return found

    return blur


@pytest.fixture(scope="session")
def clipped_zoom():
    """The published enlargement of a plane about its middle, by SciPy."""

    def zoom(plane, factor):
        side = len(plane)
        kept = int(np.ceil(side / factor))
        top = (side - kept) // 2
        large = ndimage.zoom(plane[top : top + kept, top : top + kept], factor, order=1)
        trim = (len(large) - side) // 2
        return large[trim : trim + side, trim : trim + side]

    return zoom
