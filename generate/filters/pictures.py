"""What is no picture at all: not finite, of one colour, or clipped to black and white."""

from __future__ import annotations

import torch
from torch import Tensor

FAULTS = ("", "nan", "blank", "saturated")
"""What `faults_of` counts: nothing wrong, and the reasons for which an image is no picture."""

_LEAST_CONTRAST = 2 / 255  # less is one colour
# Of the values. Images of the embedded model reach 0.65 (a stick figure). Thin strokes on a white
# ground, which have grey edges, reach 0.90 at 32 pixels a side, 0.994 at 512 and 0.997 at 1024.
_MOST_SATURATED = 0.999


def faults_of(images: Tensor, statistics: Tensor) -> Tensor:
    """What is wrong with each image, uint8 `[B]`: places in `FAULTS`.

    Args:
        images: uint8 `[B, S, S, 3]`.
        statistics: what `finish` says of them, float32 `[B, 3, 4]`.
    """
    least, largest, _, nonfinite = statistics.unbind(dim=2)  # [B, 3] each
    faults = torch.zeros(len(images), dtype=torch.uint8, device=images.device)
    wrong = {
        "saturated": saturated_share(images) > _MOST_SATURATED,
        "blank": (largest - least).amax(1) < _LEAST_CONTRAST,
        "nan": (nonfinite > 0).any(1),
    }
    for fault, rows in wrong.items():  # the last is what is said of an image with several
        faults.masked_fill_(rows, FAULTS.index(fault))
    return faults


def saturated_share(images: Tensor) -> Tensor:
    """The share of each image's values that are exactly 0 or 255, float32 `[B]`."""
    ends = images.add(1) <= 1  # uint8 wraps: 255 becomes 0, and 0 becomes 1
    return ends.flatten(1).sum(1, dtype=torch.int32) / ends[0].numel()
