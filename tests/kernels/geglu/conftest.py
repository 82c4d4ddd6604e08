"""Inputs of `geglu` and its definition in float64."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

# Beside the error of the plain implementation: a few units in the last place of float32.
TOLERANCE = 2e-6


def projected(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Values and gates, from far below zero to far above."""
    normal = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    return (normal * 3).to(dtype)


def expected(projected: Tensor) -> Tensor:
    """The definition, in float64."""
    value, gate = projected.double().chunk(2, dim=-1)
    return value * gate * 0.5 * torch.special.erfc(-gate / math.sqrt(2))


def assert_no_worse(actual: Tensor, projected: Tensor) -> None:
    """Than what diffusers' `GEGLU` computes of the same projection."""
    value, gate = projected.chunk(2, dim=-1)
    plain, wanted = value * torch.nn.functional.gelu(gate), expected(projected)
    assert (actual.dtype, actual.shape) == (plain.dtype, plain.shape)
    assert actual.is_contiguous()
    if wanted.numel():
        error, allowed = ((x.double() - wanted).abs().max() for x in (actual, plain))
        assert error <= allowed + TOLERANCE


@pytest.fixture(name="projected", scope="session")
def _projected() -> Any:
    return projected


@pytest.fixture(name="expected", scope="session")
def _expected() -> Any:
    return expected


@pytest.fixture(name="assert_no_worse", scope="session")
def _assert_no_worse() -> Any:
    return assert_no_worse
