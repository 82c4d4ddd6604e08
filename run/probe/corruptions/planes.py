"""Filtering and resampling of planes `[..., S, S]`, with the borders of SciPy."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

NEAREST, MIRROR, REFLECT = "nearest", "mirror", "reflect"
"""What lies beyond the border, by SciPy's names: the last pixel again; the picture mirrored about
the last pixel's centre; or about its edge."""


def folded(positions: Tensor, side: int, border: str) -> Tensor:
    """The pixels that stand for positions in and beyond 0..side - 1, whole numbers."""
    if border == NEAREST:
        return positions.clamp(0, side - 1)
    if border == MIRROR:
        period = max(2 * side - 2, 1)
        within = positions.remainder(period)
        return torch.minimum(within, (period - within).remainder(period)).clamp(max=side - 1)
    within = positions.remainder(2 * side)
    return torch.minimum(within, 2 * side - 1 - within)


def gaussian_matrix(side: int, sigma: float, radius: int, border: str) -> Tensor:
    """What blurs a line of `side` pixels by a Gaussian that is cut off at `radius`: `[S, S]`."""
    steps = torch.arange(-radius, radius + 1)
    weights = torch.exp(-0.5 * (steps.double() / max(sigma, 1e-9)) ** 2)
    weights = weights / weights.sum()
    sources = folded(torch.arange(side)[:, None] + steps, side, border)
    matrix = torch.zeros(side, side, dtype=torch.float64)
    return matrix.scatter_add_(1, sources, weights.expand(side, -1)).float()


def gaussian(planes: Tensor, sigma: float, truncate: float = 4.0, border: str = NEAREST) -> Tensor:
    """`scipy.ndimage.gaussian_filter` of the last two dimensions, cut off at `truncate` sigmas."""
    side, radius = planes.shape[-1], int(truncate * sigma + 0.5)
    return on_both_axes(planes, gaussian_matrix(side, sigma, radius, border)) if radius else planes


def on_both_axes(planes: Tensor, matrix: Tensor) -> Tensor:
    """`matrix`, `[T, S]`, applied to rows and columns: `[..., T, T]`."""
    matrix = matrix.to(planes)
    return matrix @ planes @ matrix.T


def filtered(planes: Tensor, kernel: Tensor, border: str) -> Tensor:
    """Planes `[B, C, S, S]` correlated with a kernel of odd sides, `[n, n]`."""
    batch, channels, side, _ = planes.shape
    radius = len(kernel) // 2
    places = folded(torch.arange(-radius, side + radius), side, border).to(planes.device)
    padded = planes[:, :, places][:, :, :, places].flatten(0, 1)[:, None]
    found = F.conv2d(padded, kernel.to(planes)[None, None])
    return found.view(batch, channels, side, side)


def box_matrix(before: int, after: int) -> Tensor:
    """Pillow's filter `BOX` from `before` pixels to `after`: `[after, before]`.

    Each new pixel is the mean of the old ones whose centres it covers, or the one that covers its
    own centre.
    """
    scale = before / after
    half = 0.5 * max(scale, 1.0)
    matrix = torch.zeros(after, before, dtype=torch.float64)
    for new in range(after):
        centre = (new + 0.5) * scale
        first, last = max(int(centre - half + 0.5), 0), min(int(centre + half + 0.5), before)
        for old in range(first, last):
            matrix[new, old] = -0.5 < (old - centre + 0.5) / max(scale, 1.0) <= 0.5
    return (matrix / matrix.sum(1, keepdim=True)).float()


def zoomed(planes: Tensor, factor: float) -> Tensor:
    """Planes `[B, C, S, S]` enlarged about their middle, linearly from corner centre to centre.

    As the published `clipped_zoom` and `scipy.ndimage.zoom` of order 1 do.
    """
    side = planes.shape[-1]
    kept = math.ceil(side / factor)
    top = (side - kept) // 2
    size = round(kept * factor)
    middle = planes[:, :, top : top + kept, top : top + kept]
    if size != kept:
        middle = F.interpolate(middle, (size, size), mode="bilinear", align_corners=True)
    trim = (size - side) // 2
    return middle[:, :, trim : trim + side, trim : trim + side]
