"""Inputs of `add_layer_norm` and its definition in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

# Beside the error of the plain implementation: a few units in the last place of float32.
TOLERANCE = 2e-6


def random_inputs(
    shape: tuple[int, ...], dtype: torch.dtype, mean: float = 0.0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Values, residual, weight and bias."""
    generator = torch.Generator().manual_seed(3)
    sizes = (shape, shape, shape[-1:], shape[-1:])
    values, residual, weight, bias = (torch.randn(size, generator=generator) for size in sizes)
    tensors = (values, residual * 2 + mean, weight, bias)
    first, second, third, fourth = (tensor.to(dtype) for tensor in tensors)
    return first, second, third, fourth


def expected(total: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """The definition of the norm, in float64, of the sum as it was rounded."""
    return F.layer_norm(total.double(), weight.shape, weight.double(), bias.double(), eps)


def assert_no_worse(
    actual: tuple[Tensor, Tensor], given: tuple[Tensor, Tensor, Tensor, Tensor], eps: float = 1e-5
) -> None:
    """Than `norm(values + residual)` in PyTorch."""
    values, residual, weight, bias = given
    total, norm = actual
    assert torch.equal(total, values + residual)
    assert total.is_contiguous()
    assert norm.is_contiguous()
    plain = F.layer_norm(values + residual, weight.shape, weight, bias, eps)
    assert (norm.dtype, norm.shape) == (plain.dtype, plain.shape)
    wanted = expected(values + residual, weight, bias, eps)
    error, allowed = ((x.double() - wanted).abs().max() for x in (norm, plain))
    assert error <= allowed + TOLERANCE


@pytest.fixture(name="random_inputs", scope="session")
def _random_inputs() -> Any:
    return random_inputs


@pytest.fixture(name="expected", scope="session")
def _expected() -> Any:
    return expected


@pytest.fixture(name="assert_no_worse", scope="session")
def _assert_no_worse() -> Any:
    return assert_no_worse
