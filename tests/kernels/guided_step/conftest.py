"""Inputs of `guided_step` and its definition in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from zeroreal.kernels._philox_normal import philox_normal


def random_inputs(
    shape: tuple[int, ...],
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    coefficients: tuple[float, ...] = (0.5, 0.9, -0.4, 0.3, 0.2, 1.5, -0.7),
) -> list[Tensor]:
    """Every image but the last has an unconditional row, in reversed order."""
    generator = torch.Generator().manual_seed(7)
    batch = shape[0]

    def normal(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator)

    unconditional = torch.arange(batch)
    unconditional[:-1] = torch.arange(batch, max(2 * batch - 1, batch)).flip(0)
    inputs = [
        normal(max(2 * batch - 1, 0), *shape[1:]).to(dtype),
        unconditional,
        normal(batch) + 4,
        normal(*shape),
        normal(*shape),
        torch.tensor(coefficients),
        torch.arange(batch) + 2**40,
        torch.tensor([3]),
    ]
    return [x.to(device) for x in inputs]


def expected(
    output: Tensor,
    unconditional: Tensor | None,
    guidance: Tensor,
    latents: Tensor,
    history: Tensor,
    coefficients: Tensor,
    seeds: Tensor,
    draw: Tensor,
) -> tuple[Tensor, Tensor]:
    """The definition, image by image, in float64."""
    _, c1, c2, c3, c4, c5, c6 = coefficients.tolist()
    following, carry = [], []
    noise = philox_normal(seeds, latents.shape[1:], int(draw)).double()
    for image, (x, h, n) in enumerate(zip(latents.double(), history.double(), noise, strict=True)):
        o = output[image].double()
        if unconditional is not None:
            away = output[unconditional[image]].double()
            o = away + guidance[image].double() * (o - away)
        following.append(c1 * x + c2 * o + c3 * h + c4 * n)
        carry.append(c5 * x + c6 * o)
    return torch.stack(following).float(), torch.stack(carry).float()


def assert_step(actual: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> None:
    for one, other in zip(actual, wanted, strict=True):
        assert one.is_contiguous()
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.fixture(name="random_inputs", scope="session")
def _random_inputs() -> Any:
    return random_inputs


@pytest.fixture(name="expected", scope="session")
def _expected() -> Any:
    return expected


@pytest.fixture(name="assert_step", scope="session")
def _assert_step() -> Any:
    return assert_step
