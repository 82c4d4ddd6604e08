"""Inputs of `group_norm_silu` and its definition in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

# Rounding to the dtype, at values of a few units.
TOLERANCES = {torch.float32: 5e-6, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def random_inputs(
    shape: tuple[int, ...], dtype: torch.dtype, mean: float = 0.0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images, channels last, with weight, bias and shift."""
    generator = torch.Generator().manual_seed(3)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator)

    batch, channels = shape[:2]
    images = (normal(*shape) * 2 + mean).to(dtype).contiguous(memory_format=torch.channels_last)
    weight, bias, shift = normal(channels), normal(channels), normal(batch, channels)
    return images, weight.to(dtype), bias.to(dtype), shift.to(dtype)


def expected(
    images: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    eps: float,
    silu: bool = True,
    shift: Tensor | None = None,
) -> Tensor:
    """The definition, in float64."""
    values = images.double()
    if shift is not None:
        values = values + shift.double()[:, :, None, None]
    values = F.group_norm(values, groups, weight.double(), bias.double(), eps)
    return values * values.sigmoid() if silu else values


def assert_near(actual: Tensor, wanted: Tensor, dtype: torch.dtype) -> None:
    assert actual.dtype == dtype
    assert actual.shape == wanted.shape
    assert actual.is_contiguous(memory_format=torch.channels_last)
    tolerance = TOLERANCES[dtype]
    torch.testing.assert_close(actual.double(), wanted, rtol=tolerance, atol=tolerance)


@pytest.fixture(name="random_inputs", scope="session")
def _random_inputs() -> Any:
    return random_inputs


@pytest.fixture(name="expected", scope="session")
def _expected() -> Any:
    return expected


@pytest.fixture(name="assert_near", scope="session")
def _assert_near() -> Any:
    return assert_near
