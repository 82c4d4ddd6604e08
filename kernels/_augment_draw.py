"""Random parameters for `augment`, each image's a pure function of (seed, position).

Plain PyTorch, a few hundred small operations whatever the number of images: draw many batches at
once, an epoch's for instance. Everything is computed in float64 and rounded at the end, so that
devices agree.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._augment_check import AUGMENT_COLUMNS
from ._augment_reference import LUMA
from ._philox_normal import philox_words
from .augment_ranges import AugmentRanges

__all__ = ["AugmentRanges", "draw_augmentation"]

_BLOCKS = 5  # of four random words: 17 are used


def draw_augmentation(
    ranges: AugmentRanges,
    seed: int,
    positions: Tensor,
    source: tuple[int, int],
    size: tuple[int, int],
) -> Tensor:
    """Parameters of `augment` for the samples at `positions` of an endless stream.

    Numbers come from Philox4x32-10 with the seed as its key and the position as its counter, so
    that batches do not depend on how they are put together.

    Args:
        ranges: what may happen.
        seed: 64 bits.
        positions: [B] int64 of 0 to 2^32 - 1, on the device where the parameters are wanted.
        source: height and width of the images.
        size: height and width of the batch.

    Returns:
        [B, 23] float32, contiguous, on the device of `positions`.
    """
    seeds = torch.full_like(positions, seed)
    words = torch.stack(philox_words(seeds, _BLOCKS, positions[:, None]), dim=2)
    draws = iter((words.double() / 2**32).flatten(1).unbind(1))  # each [B], in [0, 1)

    parameters = torch.zeros(len(positions), AUGMENT_COLUMNS, device=positions.device)
    parameters[:, :6] = _geometry(ranges, [next(draws) for _ in range(9)], source, size)
    colour, pivot = _colour(ranges, [next(draws) for _ in range(3)])
    parameters[:, 6:18].view(-1, 3, 4)[..., :3] = colour
    parameters[:, 18] = pivot
    parameters[:, 19:] = _erase(ranges, [next(draws) for _ in range(5)], size)
    return parameters


def _between(draw: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * draw


def _geometry(
    ranges: AugmentRanges, draws: list[Tensor], source: tuple[int, int], size: tuple[int, int]
) -> Tensor:
    """Crop, zoom, mirror, rotate and shift, as matrices `[B, 6]`."""
    height, width = source
    area = _between(draws[0], *ranges.area)
    aspect = _between(draws[1], *(math.log(limit) for limit in ranges.aspect)).exp()
    # Whole pixels, so that a crop of the batch's size is a copy.
    crop_width = ((area * aspect).sqrt() * width).round().clamp(1, width)
    crop_height = ((area / aspect).sqrt() * height).round().clamp(1, height)
    left = (draws[2] * (width - crop_width + 1)).floor()
    top = (draws[3] * (height - crop_height + 1)).floor()
    most_x, most_y = (round(ranges.shift * side) for side in (width, height))
    shift_x = (draws[4] * (2 * most_x + 1)).floor() - most_x
    shift_y = (draws[5] * (2 * most_y + 1)).floor() - most_y

    zoom = _between(draws[6], 1 - ranges.zoom, 1 + ranges.zoom)
    angle = _between(draws[7], -1, 1) * math.radians(ranges.rotate)
    mirror = torch.where(draws[8] < ranges.flip, -1.0, 1.0)
    across = mirror * zoom * crop_width / size[1]  # source pixels to an output pixel
    down = zoom * crop_height / size[0]
    xx, xy = angle.cos() * across, -angle.sin() * down
    yx, yy = angle.sin() * across, angle.cos() * down
    x0 = left + crop_width / 2 + shift_x - (xx * size[1] + xy * size[0]) / 2
    y0 = top + crop_height / 2 + shift_y - (yx * size[1] + yy * size[0]) / 2
    return torch.stack([xx, xy, x0, yx, yy, y0], dim=1)


def _colour(ranges: AugmentRanges, draws: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Brightness, then contrast, then saturation: matrices `[B, 3, 3]` and pivots `[B]`."""
    limits = (ranges.brightness, ranges.contrast, ranges.saturation)
    brightness, contrast, saturation = (
        _between(draw, 1 - limit, 1 + limit).clamp(min=0)
        for draw, limit in zip(draws, limits, strict=True)
    )
    # Filled in, not copied from the host, which would wait for the device.
    luma = torch.stack([draws[0].new_full((), share) for share in LUMA])
    own = torch.eye(3, dtype=torch.float64, device=luma.device)
    kept = saturation[:, None, None]
    matrix = kept * own + (1 - kept) * luma  # [B, 3, 3], each row of luma
    return (brightness * contrast)[:, None, None] * matrix, brightness * (1 - contrast)


def _erase(ranges: AugmentRanges, draws: list[Tensor], size: tuple[int, int]) -> Tensor:
    """Rectangles `[B, 4]`, empty where none is erased."""
    height, width = (_between(draws[axis], 0.2, 0.5) * size[axis] for axis in (0, 1))
    top, left = draws[2] * (size[0] - height), draws[3] * (size[1] - width)
    box = torch.stack([top, left, top + height, left + width], dim=1)
    return box * (draws[4] < ranges.erase)[:, None]
