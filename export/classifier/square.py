"""Pictures of any size brought to a classifier's, inside a graph, as files are read.

The arithmetic is Pillow's (`src/libImaging/Resample.c`), with which `data/decode.py` reads files:
the middle square, a triangle filter that widens with the reduction, along the width and then along
the height, each rounded to whole levels. Matrix products, in place of the operator `Resize`, leave
height and width free in `torch.export` too, and run where `Resize` has no `antialias`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_square(pixels: Tensor, size: int) -> Tensor:
    """Levels of 0 to 255, float32 `[N, 3, H, W]`, as `[N, 3, size, size]`.

    They differ from Pillow's by one level where a sum lies within rounding of one half.
    """
    rows = torch.arange(pixels.shape[2], dtype=torch.float32)
    columns = torch.arange(pixels.shape[3], dtype=torch.float32)
    # Of tensors, for which no size is fixed while tracing.
    height, width = rows.max() + 1, columns.max() + 1
    side = torch.minimum(height, width)
    narrow = _whole(pixels @ _shares(columns, width, side, size).T)  # [N, 3, H, size]
    return _whole(_shares(rows, height, side, size) @ narrow)


def _shares(places: Tensor, length: Tensor, side: Tensor, size: int) -> Tensor:
    """How much each of the `length` places along an axis has in each result, `[size, length]`.

    The results cover `side` places in the middle; their filters reach beyond, where there is more.
    """
    begin = ((length - side) / 2).floor()
    scale = side / size
    centres = begin + (torch.arange(size, dtype=torch.float32) + 0.5) * scale
    distances = (places + 0.5 - centres[:, None]) / scale.clamp(min=1)
    weights = (1 - distances.abs()).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)


def _whole(levels: Tensor) -> Tensor:
    return (levels + 0.5).floor()
