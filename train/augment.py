"""Augmentation of whole batches on the device, from uint8 images to the classifier's input."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from .settings import AugmentSettings


def normalize(images: Tensor) -> Tensor:
    """uint8 `[B, S, S, 3]` to float32 `[B, 3, S, S]`, channels-last, by ImageNet's statistics."""
    return _normalize(images.permute(0, 3, 1, 2).float() / 255)


def augment(images: Tensor, settings: AugmentSettings, generator: torch.Generator) -> Tensor:
    """uint8 `[B, S, S, 3]` to augmented, normalised float32 `[B, 3, S, S]`, channels-last.

    Random numbers come from `generator`, on its own device.
    """
    batch = images.permute(0, 3, 1, 2).float() / 255  # channels-last: the pool is NHWC
    draws = torch.rand(len(batch), 12, generator=generator, device=generator.device)
    draws = draws.to(batch.device)
    batch = _transform(batch, settings, draws)
    batch = _recolour(batch, settings, draws)
    return _erase(_normalize(batch), settings, draws)


def _normalize(batch: Tensor) -> Tensor:
    mean = torch.tensor(IMAGENET_DEFAULT_MEAN, device=batch.device).view(1, 3, 1, 1)
    deviation = torch.tensor(IMAGENET_DEFAULT_STD, device=batch.device).view(1, 3, 1, 1)
    return ((batch - mean) / deviation).contiguous(memory_format=torch.channels_last)


def _symmetric(draws: Tensor, limit: float) -> Tensor:
    """Uniform draws in [0, 1) to [-limit, limit)."""
    return (2 * draws - 1) * limit


def _transform(batch: Tensor, settings: AugmentSettings, draws: Tensor) -> Tensor:
    """Flip, zoom, rotate and shift in one bilinear sampling; the border is repeated outwards."""
    mirror = torch.where(draws[:, 0] < (0.5 if settings.flip else 0.0), -1.0, 1.0)
    zoom = 1 + _symmetric(draws[:, 1], settings.scale)
    angle = _symmetric(draws[:, 2], math.radians(settings.rotate))
    # affine_grid measures shifts in half sides.
    shift = _symmetric(draws[:, 3:5], 2 * settings.shift)
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    rows = [mirror * cosine, -sine, shift[:, 0], mirror * sine, cosine, shift[:, 1]]
    matrix = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(batch.shape), align_corners=False)
    return F.grid_sample(batch, grid, padding_mode="border", align_corners=False)


def _recolour(batch: Tensor, settings: AugmentSettings, draws: Tensor) -> Tensor:
    contrast = 1 + _symmetric(draws[:, 5], settings.contrast).view(-1, 1, 1, 1)
    brightness = _symmetric(draws[:, 6], settings.brightness).view(-1, 1, 1, 1)
    middle = batch.mean((1, 2, 3), keepdim=True)
    return ((batch - middle) * contrast + middle + brightness).clamp(0, 1)


def _erase(batch: Tensor, settings: AugmentSettings, draws: Tensor) -> Tensor:
    """Set a rectangle, of sides between a fifth and a half of the image's, to the mean colour."""
    if not settings.erase:
        return batch
    side = batch.shape[-1]
    size = (0.2 + 0.3 * draws[:, 7:9]) * side
    start = draws[:, 9:11] * (side - size)
    position = torch.arange(side, device=batch.device)
    inside = (position >= start[..., None]) & (position < (start + size)[..., None])  # [B, 2, S]
    chosen = (draws[:, 11] < settings.erase).view(-1, 1, 1)
    rectangle = inside[:, 0, :, None] & inside[:, 1, None, :] & chosen
    return batch.masked_fill(rectangle[:, None], 0.0)
