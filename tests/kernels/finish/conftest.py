"""Images for `finish`, and what PyTorch makes of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from zeroreal.kernels import finish


def random_images(shape: tuple[int, ...], dtype: torch.dtype, device: str = "cpu") -> Tensor:
    """Normal values, a fifth of them beyond -1..1."""
    generator = torch.Generator().manual_seed(7)
    return (torch.randn(shape, generator=generator) * 0.8).to(dtype).to(device)


def expected(images: Tensor, size: tuple[int, int]) -> Tensor:
    """The definition in PyTorch, in float32."""
    values = images.to(torch.float32) * 0.5 + 0.5
    values = torch.where(values.isnan(), 0.0, values).clamp(0.0, 1.0)
    values = F.interpolate(values, size, mode="bilinear", align_corners=False, antialias=True)
    return (values * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def pixels_of(images: Tensor, height: int, width: int) -> Tensor:
    return finish(images, height, width)[0]


def expected_statistics(images: Tensor) -> Tensor:
    """The definition, value by value."""
    rows = []
    for values in images.double().flatten(2).flatten(0, 1):
        finite = values[values.isfinite()].mul(0.5).add(0.5).clamp(0.0, 1.0)
        summary = (finite.min(), finite.max(), finite.mean()) if len(finite) else (1.0, 0.0, 0.0)
        rows.append([*map(float, summary), float(len(values) - len(finite))])
    return torch.tensor(rows).reshape(*images.shape[:2], 4)


def assert_same_statistics(actual: Tensor, images: Tensor) -> None:
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual, expected_statistics(images), rtol=0, atol=1e-5)


def assert_same_pixels(actual: Tensor, wanted: Tensor) -> None:
    """Equal but for rounding: another order of summation may tip a value that lies at a half."""
    assert actual.shape == wanted.shape
    assert actual.dtype == torch.uint8
    assert actual.is_contiguous()
    difference = (actual.int() - wanted.int()).abs()
    assert difference.max() <= 1
    assert difference.float().mean() <= 0.01


@pytest.fixture(name="random_images", scope="session")
def _random_images() -> Any:
    return random_images


@pytest.fixture(name="expected", scope="session")
def _expected() -> Any:
    return expected


@pytest.fixture(name="pixels_of", scope="session")
def _pixels_of() -> Any:
    return pixels_of


@pytest.fixture(name="expected_statistics", scope="session")
def _expected_statistics() -> Any:
    return expected_statistics


@pytest.fixture(name="assert_same_statistics", scope="session")
def _assert_same_statistics() -> Any:
    return assert_same_statistics


@pytest.fixture(name="assert_same_pixels", scope="session")
def _assert_same_pixels() -> Any:
    return assert_same_pixels
