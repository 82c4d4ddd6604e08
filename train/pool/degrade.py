"""Degrading generated images to what the target camera gives: resolution, blur, noise, JPEG.

Batched PyTorch on the images' device, without waiting for it.
"""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ...kernels._augment_reference import LUMA
from ...kernels._philox_normal import philox_normal, philox_words
from ..settings import BEST_QUALITY, DegradeRanges

_STREAM = int.from_bytes(b"degrade")  # keeps the draws apart from those of the augmentation
_LEAST_SIGMA = 1e-3  # of a blur that changes nothing
_BLOCK = 8
_CB, _CR = 0.5 / (1 - LUMA[2]), 0.5 / (1 - LUMA[0])  # of JFIF
# ISO/IEC 10918-1, Annex K, tables K.1 and K.2.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * _BLOCK,) * 4,
)


def degrade(images: Tensor, ranges: DegradeRanges, seed: int, positions: Tensor) -> Tensor:
    """Images as a worse camera would have taken them: shrunk, blurred, noisy, then compressed.

    Strengths are drawn uniformly within `ranges`, for each image its own, as a pure function of
    the seed and the image's position: batches do not depend on how they are put together.

    Args:
        images: [B, S, S, 3] uint8.
        ranges: how far to go.
        seed: 64 bits, signed.
        positions: [B] int64 of 0 to 2^32 - 1, on the device of `images`: in the training stream.

    Returns:
        [B, S, S, 3] uint8, contiguous; `images` themselves where nothing is asked for.
    """
    if not ranges.active:
        return images
    seeds = torch.full_like(positions, seed ^ _STREAM)
    strengths, keys = torch.stack(philox_words(seeds, 2, positions[:, None])).unbind(2)  # [4, B]
    blur, noise, quality, _ = strengths.double() / 2**32  # in [0, 1)

    pixels = images.permute(0, 3, 1, 2).float()  # [B, 3, S, S] of 0..255
    if ranges.resolution is not None and ranges.resolution < images.shape[1]:
        pixels = _shrink(pixels, ranges.resolution)
    if ranges.blur:
        pixels = _blur(pixels, (ranges.blur * blur).float(), ranges.blur)
    if ranges.noise:
        normal = philox_normal(keys[0] << 32 | keys[1], images.shape[1:]).permute(0, 3, 1, 2)
        pixels = pixels + 255 * (ranges.noise * noise).float()[:, None, None, None] * normal
    if ranges.jpeg is not None:
        levels = (quality * (BEST_QUALITY + 1 - ranges.jpeg)).long() + ranges.jpeg
        pixels = _compress(_round(pixels), levels)
    return _round(pixels).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _round(pixels: Tensor) -> Tensor:
    return pixels.round().clamp(0, 255)


def _shrink(pixels: Tensor, side: int) -> Tensor:
    """Down to `side` pixels and back, bilinear."""
    small = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
    return F.interpolate(_round(small), pixels.shape[2:], mode="bilinear")


def _blur(pixels: Tensor, sigma: Tensor, largest: float) -> Tensor:
    """Blur each image by its own `sigma`, `[B]`, none above `largest`; borders are mirrored."""
    batch, channels, height, width = pixels.shape
    radius = min(math.ceil(3 * largest), height - 1, width - 1)
    distance = torch.arange(-radius, radius + 1, device=pixels.device)
    weights = torch.exp(-0.5 * (distance / sigma.clamp(min=_LEAST_SIGMA)[:, None]) ** 2)
    weights = weights / weights.sum(1, keepdim=True)
    kernels = weights.repeat_interleave(channels, 0)[:, None, None]  # [3B, 1, 1, 2 radius + 1]
    planes = pixels.reshape(1, batch * channels, height, width)
    padded = F.pad(planes, (radius,) * 4, mode="reflect")
    across = F.conv2d(padded, kernels, groups=batch * channels)
    down = F.conv2d(across, kernels.transpose(2, 3), groups=batch * channels)
    return down.view_as(pixels)


def _compress(pixels: Tensor, quality: Tensor) -> Tensor:
    """What JPEG leaves of whole-numbered RGB, without subsampling of chroma (4:4:4).

    Entropy coding, which loses nothing, is left out. `quality` is int64 `[B]`, as libjpeg's.
    """
    height, width = pixels.shape[2:]
    padding = (0, -width % _BLOCK, 0, -height % _BLOCK)
    planes = F.pad(_to_ycbcr(pixels), padding, mode="replicate")
    dct, tables = _dct_and_tables(pixels.device)
    steps = _scaled(tables, quality)
    kept = (_forward_dct(planes - 128, dct) / steps).round() * steps
    restored = _round(_inverse_dct(kept, dct) + 128)
    return _to_rgb(restored[:, :, :height, :width])


def _scaled(tables: Tensor, quality: Tensor) -> Tensor:
    """Quantisation steps by libjpeg's `jpeg_quality_scaling`: `[B, 3, 1, 8, 1, 8]`."""
    percent = torch.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    steps: Tensor = (tables * percent.view(-1, 1, 1, 1, 1, 1) + 50) // 100
    return steps.clamp(1, 255)


def _forward_dct(planes: Tensor, dct: Tensor) -> Tensor:
    """Coefficients of the 8x8 blocks of `[B, 3, H, W]`: `[B, 3, H/8, 8, W/8, 8]`."""
    batch, channels, _, width = planes.shape
    columns = dct @ planes.reshape(batch, channels, -1, _BLOCK, width)
    return columns.reshape(*columns.shape[:4], -1, _BLOCK) @ dct.T


def _inverse_dct(coefficients: Tensor, dct: Tensor) -> Tensor:
    """The planes that have these coefficients."""
    rows = (coefficients @ dct).flatten(4)  # [B, 3, H/8, 8, W]
    return (dct.T @ rows).flatten(2, 3)


@functools.cache
def _dct_and_tables(device: torch.device) -> tuple[Tensor, Tensor]:
    """The orthonormal DCT-II, float32 `[8, 8]`, and Annex K's tables, int64 `[3, 1, 8, 1, 8]`."""
    order = torch.arange(_BLOCK, dtype=torch.float64)
    dct = 0.5 * torch.cos((2 * order + 1) * order[:, None] * (math.pi / 16))
    dct[0] /= math.sqrt(2)
    tables = torch.tensor([_LUMINANCE, _CHROMINANCE, _CHROMINANCE])
    return dct.float().to(device), tables.view(3, 1, _BLOCK, 1, _BLOCK).to(device)


def _to_ycbcr(pixels: Tensor) -> Tensor:
    """JFIF's colours, whole-numbered, of 0..255."""
    red, green, blue = pixels.unbind(1)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    cb, cr = ((part - luma) * scale + 128 for part, scale in ((blue, _CB), (red, _CR)))
    return _round(torch.stack([luma, cb, cr], dim=1))


def _to_rgb(pixels: Tensor) -> Tensor:
    luma, cb, cr = pixels.unbind(1)
    red, blue = luma + (cr - 128) / _CR, luma + (cb - 128) / _CB
    green = (luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.stack([red, green, blue], dim=1)
