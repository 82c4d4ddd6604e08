"""Inputs of `group_norm_silu` and its definition in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from emulated_cuda import GPUS, EmulatedLibrary, Emulation, Gpu, Launch
from torch import Tensor

from zeroreal.kernels._group_norm_silu import _MAX_PARTS, AS_FITS, _kernel

# Rounding to the dtype, at values of a few units.
TOLERANCES = {torch.float32: 5e-6, torch.float16: 4e-3, torch.bfloat16: 3e-2}
NO_WORSE = 2e-6  # than PyTorch's own operations, but for float32's rounding of a few units


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


def assert_no_worse(
    actual: Tensor,
    images: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    eps: float,
    silu: bool = True,
    shift: Tensor | None = None,
) -> None:
    """Than PyTorch's operations one after another, in the dtype of the images."""
    assert actual.dtype == images.dtype
    assert actual.shape == images.shape
    assert actual.is_contiguous(memory_format=torch.channels_last)
    values = images if shift is None else images + shift[:, :, None, None]
    plain = F.group_norm(values, groups, weight, bias, eps)
    plain = F.silu(plain) if silu else plain
    wanted = expected(images, weight, bias, groups, eps, silu, shift)
    error, allowed = ((x.double() - wanted).abs().max() for x in (actual, plain))
    assert error <= allowed + NO_WORSE


def run_emulated(
    library: EmulatedLibrary,
    images: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    eps: float,
    silu: bool = True,
    shift: Tensor | None = None,
    out: Tensor | None = None,
    run: int = AS_FITS,
    seed: int = 0,
) -> Tensor:
    """The operator as on CUDA, where it takes a workspace."""
    out = torch.full_like(images, torch.nan) if out is None else out
    tensors = (images, images.dtype, weight, bias, shift, out)
    batch, channels, height, width = images.shape
    workspace = torch.full((_MAX_PARTS + 1, batch, groups, 2), torch.nan)
    sizes = (batch, height * width, channels, groups)
    library.launch(_kernel, *tensors, *sizes, eps, silu, run, workspace, seed=seed)
    return out


def launches_of(
    library: EmulatedLibrary,
    shape: tuple[int, ...],
    groups: int,
    dtype: torch.dtype = torch.bfloat16,
    gpu: Gpu = GPUS["sm_90"],
    run: int = AS_FITS,
) -> tuple[Launch, ...]:
    """What would be launched of images at 16 bytes' multiples, without running it."""
    batch, channels, height, width = shape
    images = torch.empty(16, dtype=dtype)  # their address alone is looked at
    tensors = (images, dtype, images, images, None, images)
    sizes = (batch, height * width, channels, groups)
    return library.launch(_kernel, *tensors, *sizes, 1e-5, True, run, images, gpu=gpu, runs=False)


@pytest.fixture(scope="session")
def library(emulation: Emulation) -> EmulatedLibrary:
    """The kernels on the CPU."""
    return emulation.library("group_norm_silu.cu")


@pytest.fixture(name="run_emulated", scope="session")
def _run_emulated() -> Any:
    return run_emulated


@pytest.fixture(name="launches_of", scope="session")
def _launches_of() -> Any:
    return launches_of


@pytest.fixture(name="assert_no_worse", scope="session")
def _assert_no_worse() -> Any:
    return assert_no_worse


@pytest.fixture(name="random_inputs", scope="session")
def _random_inputs() -> Any:
    return random_inputs


@pytest.fixture(name="expected", scope="session")
def _expected() -> Any:
    return expected


@pytest.fixture(name="assert_near", scope="session")
def _assert_near() -> Any:
    return assert_near
