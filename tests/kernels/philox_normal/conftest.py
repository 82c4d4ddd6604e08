"""The definition of `philox_normal`."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from zeroreal.generate.plan.philox import Stream, words


def box_muller(radius_word: int, angle_word: int) -> tuple[float, float]:
    """The definition, but for the 24 bits that a float32 has."""
    radius = math.sqrt(-2 * math.log((radius_word // 2 + 0.5) / 2**31))
    angle = 2 * math.pi * angle_word / 2**32
    return radius * math.cos(angle), radius * math.sin(angle)


def expected(seed: int, size: int, draw: int) -> Tensor:
    """The definition, from plain Python's Philox."""
    numbers: list[float] = []
    for block in range((size + 3) // 4):
        a, b, c, d = words(seed, block, Stream.NOISE, draw)
        numbers += (*box_muller(a, b), *box_muller(c, d))
    return torch.tensor(numbers[:size])


def assert_close(actual: Tensor, wanted: Tensor) -> None:
    # The definition takes 31 bits where a float32 has 24: that shows where the radius is near 0.
    torch.testing.assert_close(actual, wanted, rtol=1e-6, atol=5e-5)


@pytest.fixture(name="box_muller", scope="session")
def _box_muller() -> Any:
    return box_muller


@pytest.fixture(name="expected", scope="session")
def _expected() -> Any:
    return expected


@pytest.fixture(name="assert_close", scope="session")
def _assert_close() -> Any:
    return assert_close
