"""Blur: out of focus, behind frosted glass, by motion and by zooming.

See `noise.py` on arguments.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .draws import Draws
from .planes import MIRROR, filtered, gaussian, gaussian_matrix, on_both_axes, zoomed


def defocus_blur(pixels: Tensor, draws: Draws, disk: tuple[float, float]) -> Tensor:
    """The mean over a disk of a radius, its edge softened by a Gaussian."""
    return filtered(pixels, _disk(*disk), MIRROR)


def glass_blur(pixels: Tensor, draws: Draws, glass: tuple[float, int, int]) -> Tensor:
    """A blur of a sigma; each pixel then copies one nearby, some times over; and a blur again.

    The published code means to swap pixels, but swaps views of one array, which copies.
    """
    sigma, reach, times = glass
    blurred = (gaussian(pixels, sigma) * 255).floor().clamp(0, 255) / 255
    side = pixels.shape[-1]
    flat = blurred.flatten(2)
    for time in range(times):
        moves = draws.uniform((2, side, side), time).mul(2 * reach).long() - reach
        sources = _glass_sources(moves, reach)
        flat = flat.gather(2, sources[:, None].expand(-1, pixels.shape[1], -1))
    return gaussian(flat.view_as(pixels), sigma)


def motion_blur(pixels: Tensor, draws: Draws, motion: tuple[int, float]) -> Tensor:
    """A trace within 45 degrees of the horizontal, of a radius and a sigma in pixels."""
    degrees = draws.uniform((), 0) * 90 - 45
    return moved(pixels, *motion, degrees)


def zoom_blur(pixels: Tensor, draws: Draws, factors: Sequence[float]) -> Tensor:
    """The mean of the picture and of itself, enlarged by each factor."""
    enlarged = sum((zoomed(pixels, factor) for factor in factors), pixels)
    return enlarged / (len(factors) + 1)


def moved(planes: Tensor, radius: int, sigma: float, degrees: Tensor) -> Tensor:
    """Planes `[B, C, S, S]` with a trace in each one's own direction, float64 `[B]`.

    As ImageMagick's `MotionBlurImage`: half a Gaussian along a line of whole pixels, of which those
    beyond the border are the nearest ones.
    """
    batch, _, side, _ = planes.shape
    steps = torch.arange(2 * radius + 1, dtype=torch.float64)
    weights = torch.exp(-(steps**2) / (2 * sigma**2))
    weights = weights / weights.sum()
    angles = torch.deg2rad(degrees)
    rows, columns = torch.arange(side, device=planes.device), torch.arange(batch)[:, None, None]
    last, total = planes.permute(0, 2, 3, 1), torch.zeros_like(planes.permute(0, 2, 3, 1))
    images = columns.to(planes.device)
    for step, weight in zip(steps.tolist(), weights.tolist(), strict=True):
        across = torch.ceil(step * angles.cos() - 0.5).long()[:, None]
        down = torch.ceil(step * angles.sin() - 0.5).long()[:, None]
        y, x = (rows + down).clamp(0, side - 1), (rows + across).clamp(0, side - 1)
        total = total + weight * last[images, y[:, :, None], x[:, None, :]]
    return total.permute(0, 3, 1, 2)


@functools.cache
def _disk(radius: float, softness: float) -> Tensor:
    """The published kernel, without the zeros around it, float32 `[n, n]`."""
    reach, smooth = (8, 1) if radius <= 8 else (int(radius), 2)
    line = torch.arange(-reach, reach + 1, dtype=torch.float64)
    disk = (line**2 + line[:, None] ** 2 <= radius**2).double()
    matrix = gaussian_matrix(len(line), softness, smooth, MIRROR)
    soft = on_both_axes(disk / disk.sum(), matrix).float()
    needed = min(math.floor(radius) + smooth, reach)
    return soft[reach - needed : reach + needed + 1, reach - needed : reach + needed + 1]


def _glass_sources(moves: Tensor, reach: int) -> Tensor:
    """Which pixel each one ends up as, int64 `[B, S * S]`, by moves of rows and columns.

    `moves` is `[B, 2, S, S]` of -reach to reach - 1. Pixels copy in turn, the last one first, those
    near the border none; so one may copy what another has copied before. All are followed at once,
    from copy to copy.
    """
    side, device = moves.shape[-1], moves.device
    own = torch.arange(side * side, device=device).view(side, side)
    within = torch.zeros(side, side, dtype=torch.bool, device=device)
    within[reach + 1 : side - reach + 1, reach + 1 : side - reach + 1] = True
    target = own + moves[:, 0] * side + moves[:, 1]  # [B, S, S]
    # Nodes 0..S²-1 are pixels as they were, the others as they are afterwards.
    known = within.flatten()[target.clamp(0, side * side - 1)] & (target > own)
    after = torch.where(within, target + known * side * side, own).flatten(1)
    links = torch.cat([own.flatten().expand(len(moves), -1), after], dim=1)
    for _ in range(max(side * side - 1, 1).bit_length()):
        links = links.gather(1, links)
    return links[:, side * side :]
