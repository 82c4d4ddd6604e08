"""What images are changed by before a classifier is asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ..corruptions.digital import jpeg
from ..corruptions.draws import draws_of
from ..corruptions.table import SEVERITIES, corrupted
from .marks import MARKS, marked

CORRUPTION, SHIFT, SIZE, JPEG, MARK = "corruption", "shift", "size", "jpeg quality", "mark"

_SHIFTS = (1 / 32, 1 / 16, 1 / 8)  # of the side
_SIZES = (0.25, 0.5, 0.75, 2.0)  # of the side
_QUALITIES = (95, 75, 50, 25, 10)


@dataclass(frozen=True)
class Condition:
    """One change of images."""

    kind: str
    name: str
    """Of a corruption or a mark; empty for others."""
    level: int
    """Severity, pixels that it is shifted by, side in pixels, or JPEG quality; 0 for a mark."""
    apply: Callable[[Tensor, Tensor], Tensor]
    """Of images uint8 `[B, S, S, 3]` and their numbers int64 `[B]`, on one device."""


def corruption_conditions(names: Sequence[str], seed: int) -> list[Condition]:
    """Each of the corruptions at each severity."""
    return [
        Condition(CORRUPTION, name, level, partial(_corrupted, name, level, seed))
        for name in names
        for level in SEVERITIES
    ]


def other_conditions(side: int, seed: int) -> list[Condition]:
    """Shifts, sizes, JPEG qualities and marks, for images of a side."""
    shifts = sorted({max(1, round(share * side)) for share in _SHIFTS})
    sizes = sorted({max(2, round(share * side)) for share in _SIZES})
    return [
        *(Condition(SHIFT, "", level, partial(_shifted, level, seed)) for level in shifts),
        *(Condition(SIZE, "", level, partial(_resized, level)) for level in sizes),
        *(Condition(JPEG, "", level, partial(_compressed, level)) for level in _QUALITIES),
        *(Condition(MARK, name, 0, partial(_marked, name, seed)) for name in MARKS),
    ]


def _corrupted(name: str, level: int, seed: int, images: Tensor, indices: Tensor) -> Tensor:
    return corrupted(images, name, level, seed, indices)


def _marked(name: str, seed: int, images: Tensor, indices: Tensor) -> Tensor:
    return marked(images, name, seed, indices)


def _shifted(pixels: int, seed: int, images: Tensor, indices: Tensor) -> Tensor:
    """Moved left, right, up or down, which is drawn; the border goes on as its last pixel."""
    side, device = images.shape[1], images.device
    way = draws_of(seed, "shift", indices).uniform((), 0).mul(4).long()
    step = torch.tensor([[-1, 0], [1, 0], [0, -1], [0, 1]], device=device)[way] * pixels
    line = torch.arange(side, device=device)
    x, y = ((line - step[:, axis, None]).clamp(0, side - 1) for axis in (0, 1))
    number = torch.arange(len(images), device=device)[:, None, None]
    return images[number, y[:, :, None], x[:, None, :]]


def _resized(size: int, images: Tensor, indices: Tensor) -> Tensor:
    """As they are where they arrive at another size and are brought to the classifier's."""
    side = images.shape[1]
    pixels = images.permute(0, 3, 1, 2).float()
    for wanted in (size, side):
        pixels = F.interpolate(pixels, (wanted, wanted), mode="bilinear", antialias=True)
        pixels = pixels.round().clamp(0, 255)
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _compressed(quality: int, images: Tensor, indices: Tensor) -> Tensor:
    pixels = images.permute(0, 3, 1, 2).float() / 255
    found = jpeg(pixels, draws_of(0, "jpeg", indices), quality)
    return (found * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
