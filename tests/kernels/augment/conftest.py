"""Images and parameters for `augment`, and its results as shades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from zeroreal.kernels._augment_check import AUGMENT_COLUMNS

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def random_images(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    size = (count, height, width, channels)
    return torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)


def empty_batch(
    batch: int, channels: int, height: int, width: int, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Poisoned, so that what is not written shows."""
    nhwc = torch.full((batch, height, width, channels), torch.nan, dtype=dtype)
    return nhwc.permute(0, 3, 1, 2)


def unchanged(batch: int) -> Tensor:
    parameters = torch.zeros(batch, AUGMENT_COLUMNS)
    parameters[:, [0, 4, 6, 11, 16]] = 1
    return parameters


def box(left: float, top: float, width: float, height: float, size: tuple[int, int]) -> Tensor:
    """Parameters `[1, 23]` that show a box of the source as an image of `size`."""
    parameters = unchanged(1)
    parameters[0, :6] = torch.tensor([width / size[1], 0, left, 0, height / size[0], top])
    return parameters


def random_parameters(batch: int, seed: int = 3) -> Tensor:
    """Every kind of geometry by turns, with colours and erased boxes."""
    generator = torch.Generator().manual_seed(seed)
    parameters = unchanged(batch)
    noise = torch.randn(batch, AUGMENT_COLUMNS, generator=generator)
    parameters[1::4, 0] = -1  # whole pixels, mirrored
    parameters[1::4, 2] = 37
    parameters[2::4, :6] *= 0.3 + noise[2::4, :6].abs()  # separable
    parameters[3::4, :6] += noise[3::4, :6] * 0.8  # turned
    parameters[:, [2, 5]] += (noise[:, [2, 5]] * 8).round()
    parameters[::2, 6:18] += noise[::2, 6:18] * 0.2
    parameters[::3, 18] = noise[::3, 18] * 0.3
    parameters[:, 19:] = noise[:, 19:].abs() * torch.tensor([5, 5, 15, 15])
    return parameters


def run(
    function: Callable[..., None],
    images: Tensor,
    parameters: Tensor,
    size: tuple[int, int],
    index: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    padding: str = "edge",
) -> Tensor:
    channels = images.shape[3]
    out = empty_batch(len(parameters), channels, *size, dtype)
    if index is None:
        index = torch.arange(len(parameters))
    function(out, images, index, parameters, MEAN[:channels], STD[:channels], padding)
    return out


def shades(out: Tensor) -> Tensor:
    """What was normalised: `[B, C, h, w]` of 0..255."""
    channels = out.shape[1]
    mean, std = (torch.tensor(x[:channels]).view(-1, 1, 1) for x in (MEAN, STD))
    return (out.float() * std + mean) * 255


def normalised(images: Tensor) -> Tensor:
    """uint8 `[B, C, H, W]` by torchvision."""
    channels = images.shape[1]
    floats = tv.to_dtype(images, torch.float32, scale=True)
    return tv.normalize(floats, MEAN[:channels], STD[:channels])


def resized_by_pillow(
    image: Tensor, left: float, top: float, width: float, height: float, size: tuple[int, int]
) -> Tensor:
    """A box of a uint8 image `[H, W, C]`, padded by NumPy first; float32 `[C, h, w]`."""
    pad = 40
    padded = np.pad(image.numpy(), ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    corners = (left + pad, top + pad, left + width + pad, top + height + pad)
    planes = [
        Image.fromarray(padded[..., c].astype(np.float32)).resize(
            (size[1], size[0]), Image.Resampling.BILINEAR, box=corners
        )
        for c in range(image.shape[2])
    ]
    return torch.from_numpy(np.stack([np.asarray(plane) for plane in planes]))


@pytest.fixture(name="unchanged", scope="session")
def _unchanged() -> Any:
    return unchanged


@pytest.fixture(name="box", scope="session")
def _box() -> Any:
    return box


@pytest.fixture(name="random_parameters", scope="session")
def _random_parameters() -> Any:
    return random_parameters


@pytest.fixture(name="run", scope="session")
def _run() -> Any:
    return run


@pytest.fixture(name="shades", scope="session")
def _shades() -> Any:
    return shades


@pytest.fixture(name="normalised", scope="session")
def _normalised() -> Any:
    return normalised


@pytest.fixture(name="resized_by_pillow", scope="session")
def _resized_by_pillow() -> Any:
    return resized_by_pillow


@pytest.fixture(name="random_images", scope="session")
def _random_images() -> Any:
    return random_images


@pytest.fixture(name="empty_batch", scope="session")
def _empty_batch() -> Any:
    return empty_batch
