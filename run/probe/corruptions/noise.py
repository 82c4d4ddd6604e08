"""Noise: Gaussian, that of few photons, and single wrong values.

Like all corruptions here, functions of pixels, float32 `[B, 3, S, S]` of 0 to 1, of what is drawn
for each image, and of a severity's published parameters. They give the like; what leaves the range
is cut off later.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from .draws import Draws


def gaussian_noise(pixels: Tensor, draws: Draws, deviation: float) -> Tensor:
    """Normal noise of a standard deviation."""
    return pixels + deviation * draws.normal(pixels.shape[1:], 0)


def shot_noise(pixels: Tensor, draws: Draws, photons: int) -> Tensor:
    """Poisson noise: white is so many `photons`, on average."""
    levels = (pixels * 255).round().long()
    table = _poisson_table(photons, pixels.device)
    width = len(table) // 256
    wanted = (levels + draws.uniform(pixels.shape[1:], 0)).contiguous()
    counts = torch.searchsorted(table, wanted, right=True) - levels * width
    return counts.float() / photons


def impulse_noise(pixels: Tensor, draws: Draws, amount: float) -> Tensor:
    """A share of the values becomes 0 or 1, as often."""
    shape = pixels.shape[1:]
    is_hit = draws.uniform(shape, 0) < amount
    return torch.where(is_hit, (draws.uniform(shape, 1) < 0.5).to(pixels.dtype), pixels)


@functools.cache
def _poisson_table(photons: int, device: torch.device) -> Tensor:
    """Distribution functions of the 256 rates, one after the other, that of rate i plus i.

    They make one ascending list, in which a count is found by its rate's number plus a number of
    0 to 1.
    """
    counts = torch.arange(photons + int(12 * math.sqrt(photons)) + 30, dtype=torch.float64)
    rates = torch.arange(256, dtype=torch.float64)[:, None] * (photons / 255)
    chances = torch.exp(torch.xlogy(counts, rates) - rates - torch.lgamma(counts + 1))
    shares = chances.cumsum(1).clamp(max=1)
    shares[:, -1] = 1
    return (shares + torch.arange(256)[:, None]).flatten().to(device)
