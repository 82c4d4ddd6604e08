"""The corruptions by name, with their published severities, and what applies them.

Small pictures get the severities of CIFAR-10-C, which were made for 32 pixels, larger ones those of
ImageNet-C, made for 224. See `make_cifar_c.py` and `make_imagenet_c.py`, hendrycks/robustness.
Lengths in pixels are as published, whatever the picture's side, but for `elastic`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....base.errors import InputError, unknown
from . import blur, digital, noise, weather
from .draws import Draws, draws_of

SEVERITIES = (1, 2, 3, 4, 5)
LEAST_SIDE = 8
SMALL = 84
"""Sides of up to so many pixels, the geometric mean of 32 and 224, get CIFAR-10-C's severities."""

_ELASTIC = 244 / 224  # published as parts of 244


@dataclass(frozen=True)
class Corruption:
    """One corruption: what applies it, and its parameters at each severity."""

    apply: Callable[[Tensor, Draws, Any], Tensor]
    small: tuple[Any, ...]
    large: tuple[Any, ...]


def _zooms(stop: float, step: float) -> tuple[float, ...]:
    return tuple(np.arange(1, stop, step).tolist())


CORRUPTIONS: Mapping[str, Corruption] = {
    "gaussian-noise": Corruption(
        noise.gaussian_noise, (0.04, 0.06, 0.08, 0.09, 0.10), (0.08, 0.12, 0.18, 0.26, 0.38)
    ),
    "shot-noise": Corruption(noise.shot_noise, (500, 250, 100, 75, 50), (60, 25, 12, 5, 3)),
    "impulse-noise": Corruption(
        noise.impulse_noise, (0.01, 0.02, 0.03, 0.05, 0.07), (0.03, 0.06, 0.09, 0.17, 0.27)
    ),
    "defocus-blur": Corruption(
        blur.defocus_blur,
        ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    ),
    "glass-blur": Corruption(
        blur.glass_blur,
        ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
        ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    ),
    "motion-blur": Corruption(
        blur.motion_blur,
        ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
        ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    ),
    "zoom-blur": Corruption(
        blur.zoom_blur,
        tuple(_zooms(stop, 0.01) for stop in (1.06, 1.11, 1.16, 1.21, 1.26)),
        (
            _zooms(1.11, 0.01),
            _zooms(1.16, 0.01),
            _zooms(1.21, 0.02),
            _zooms(1.26, 0.02),
            _zooms(1.31, 0.03),
        ),
    ),
    "snow": Corruption(
        weather.snow,
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
    ),
    "frost": Corruption(
        weather.frost,
        ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
        ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    ),
    "fog": Corruption(
        weather.fog,
        ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    ),
    "brightness": Corruption(
        weather.brightness, (0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5)
    ),
    "contrast": Corruption(
        digital.contrast, (0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05)
    ),
    "elastic": Corruption(
        digital.elastic,
        ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
        tuple(
            tuple(_ELASTIC * share for share in warp)
            for warp in (
                (2, 0.7, 0.1),
                (2, 0.08, 0.2),
                (0.05, 0.01, 0.02),
                (0.07, 0.01, 0.02),
                (0.12, 0.01, 0.02),
            )
        ),
    ),
    "pixelate": Corruption(
        digital.pixelate, (0.95, 0.9, 0.85, 0.75, 0.65), (0.6, 0.5, 0.4, 0.3, 0.25)
    ),
    "jpeg": Corruption(digital.jpeg, (80, 65, 58, 50, 40), (25, 18, 15, 10, 7)),
}


def severities_of(side: int) -> str:
    """Whose severities pictures of a side get."""
    return "CIFAR-10-C" if side <= SMALL else "ImageNet-C"


def check_side(side: int) -> None:
    """Raise `InputError` for pictures that are too small to be corrupted."""
    if side < LEAST_SIDE:
        raise InputError(
            f"images of {side} pixels a side are too small to be corrupted: at least {LEAST_SIDE} "
            "are needed; give a classifier of larger ones"
        )


def corrupted(images: Tensor, name: str, severity: int, seed: int, indices: Tensor) -> Tensor:
    """The images under a corruption, each by draws of its own, the same at every severity.

    Args:
        images: uint8 `[B, S, S, 3]`.
        name: one of `CORRUPTIONS`.
        severity: 1 to 5, or 0 for the images themselves.
        seed: decides all draws, with the name.
        indices: int64 `[B]` of 0 to 2^32 - 1, on the device of `images`: the images' numbers.

    Raises `InputError` for an unknown name, another severity, and images that are too small.
    """
    if name not in CORRUPTIONS:
        raise unknown("corruption", name, CORRUPTIONS)
    if severity not in (0, *SEVERITIES):
        raise InputError(f"severity is {severity}: give 1 to 5, or 0 for the images themselves")
    check_side(images.shape[1])
    if severity == 0:
        return images
    one = CORRUPTIONS[name]
    how = (one.small if images.shape[1] <= SMALL else one.large)[severity - 1]
    pixels = images.permute(0, 3, 1, 2).float() / 255
    found = one.apply(pixels, draws_of(seed, name, indices), how)
    levels = (found.clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous()
