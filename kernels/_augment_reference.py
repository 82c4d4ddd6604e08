"""`augment` in plain PyTorch operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ._augment_check import check_augment, check_index

_MAX_HALF_WIDTH = 32.0
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def augment_reference(
    out: Tensor,
    images: Tensor,
    index: Tensor,
    parameters: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    padding: str = "edge",
) -> None:
    """The same as `augment` in plain PyTorch operations, on any device; see there."""
    check_augment(out, images, index, parameters, mean, std, padding)
    check_index(index, len(images))
    if len(index) == 0:
        return
    height, width = out.shape[2:]
    geometry = parameters[:, :6].view(-1, 2, 3)
    pixels = _sample(images, index, geometry, height, width, padding)
    pixels = _recolour(pixels, parameters[:, 6:18].view(-1, 3, 4), parameters[:, 18])
    means, stds = torch.tensor([mean, std], device=out.device)
    erased = _erased(parameters[:, 19:], height, width)
    pixels = ((pixels * (1 / 255) - means) / stds).masked_fill(erased, 0.0)
    out.copy_(pixels.permute(0, 3, 1, 2))


def _sample(
    images: Tensor, index: Tensor, geometry: Tensor, height: int, width: int, padding: str
) -> Tensor:
    """The images by their maps: float32 `[B, height, width, C]` of 0..255."""
    x = torch.arange(width, device=images.device) + 0.5
    y = torch.arange(height, device=images.device)[:, None] + 0.5
    row = geometry[..., None, None, :]  # [B, 2, 1, 1, 3]
    positions = row[..., 0] * x + row[..., 1] * y + row[..., 2]  # [B, 2, height, width]
    half_widths = geometry[..., :2].norm(dim=2).clamp(1.0, _MAX_HALF_WIDTH)  # [B, 2]
    columns = _taps(positions[:, 0], half_widths[:, 0], images.shape[2], padding)
    rows = _taps(positions[:, 1], half_widths[:, 1], images.shape[1], padding)
    total = torch.zeros((), device=images.device)
    for row_index, row_weight in rows:
        for column_index, column_weight in columns:
            values = images[index[:, None, None], row_index, column_index].float()
            total = total + (row_weight * column_weight)[..., None] * values
    return total


def _taps(
    positions: Tensor, half_widths: Tensor, size: int, padding: str
) -> list[tuple[Tensor, Tensor]]:
    """The source pixels along one axis, and their weights, both of the shape of `positions`."""
    positions = positions.clamp(-size, 2 * size)
    wide = half_widths[:, None, None]
    first = (positions - wide - 0.5).floor() + 1
    taps = [first + tap for tap in range(int((2 * half_widths.max()).ceil()))]
    weights = [(1 - (tap + 0.5 - positions).abs() / wide).clamp(min=0) for tap in taps]
    total = torch.stack(weights).sum(0)
    return [
        (_source_index(tap.long(), size, padding), weight / total)
        for tap, weight in zip(taps, weights, strict=True)
    ]


def _source_index(positions: Tensor, size: int, padding: str) -> Tensor:
    if padding == "reflect":
        positions = positions.abs()
        positions = torch.where(positions < size, positions, 2 * (size - 1) - positions).abs()
    return positions.clamp(0, size - 1)


def _recolour(pixels: Tensor, colour: Tensor, pivot: Tensor) -> Tensor:
    """The affine map of colours, of 0..255; one channel is the grey of three equal ones."""
    channels = pixels.shape[3]
    colours = pixels.expand(-1, -1, -1, 3)
    luma = (colours * torch.tensor(LUMA, device=pixels.device)).sum(3).mean((1, 2))
    offset = 255 * colour[:, :, 3] + (pivot * luma)[:, None]  # [B, 3]
    mapped = torch.einsum("bhwc,bdc->bhwd", colours, colour[:, :, :3]) + offset[:, None, None]
    return mapped[..., :channels].clamp(0, 255)


def _erased(box: Tensor, height: int, width: int) -> Tensor:
    """Which pixels are erased: bool `[B, height, width, 1]`."""
    x = torch.arange(width, device=box.device)[:, None]
    y = torch.arange(height, device=box.device)[:, None, None]
    top, left, bottom, right = box[:, :, None, None, None].unbind(1)
    return (y >= top) & (y < bottom) & (x >= left) & (x < right)
