"""Pictures off the classes that take no model: mixed, in pieces, noise and patterns.

All are uint8 `[N, S, S, 3]` on the CPU, and follow from a seed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...train.pool.degrade import degrade
from ...train.settings import DegradeRanges

_PIECES = 4  # along a side


def degraded(images: Tensor, seed: int) -> Tensor:
    """The images as a bad camera takes them, each by a strength of its own, down to none."""
    side = images.shape[1]
    ranges = DegradeRanges(blur=side / 16, noise=0.15, jpeg=10)
    return degrade(images, ranges, seed, torch.arange(len(images)))


def mixed(images: Tensor, others: Tensor) -> Tensor:
    """Half of each image and half of its partner in `others`, pixel by pixel."""
    return ((images.int() + others.int() + 1) // 2).to(torch.uint8)


def in_pieces(images: Tensor, seed: int) -> Tensor:
    """The images cut into squares, four a side, which are put together in another order."""
    count, side = len(images), images.shape[1]
    piece = max(1, side // _PIECES)
    number = side // piece
    whole = images[:, : number * piece, : number * piece]
    grid = whole.reshape(count, number, piece, number, piece, 3).transpose(2, 3)
    pieces = grid.reshape(count, number**2, piece, piece, 3)
    order = torch.rand(count, number**2, generator=_generator(seed)).argsort(1)
    moved = pieces[torch.arange(count)[:, None], order]
    grid = moved.reshape(count, number, number, piece, piece, 3).transpose(2, 3)
    result = images.clone()
    result[:, : number * piece, : number * piece] = grid.reshape(whole.shape)
    return result


def noise(count: int, side: int, seed: int) -> Tensor:
    """Every value drawn by itself, uniformly."""
    shape = (count, side, side, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=_generator(seed))


def patterns(count: int, side: int, seed: int) -> Tensor:
    """Coloured noise with the spectrum of natural pictures, each with a slope of its own.

    Amplitude falls with a power of the frequency, drawn from 0.5 to 2 in either direction, as in
    Baradad et al., "Learning to see by looking at noise", NeurIPS 2021. Colours are mixed at random
    from three such fields; the mean is grey, the deviation a quarter of the range.
    """
    draw = _generator(seed)
    white = torch.randn(count, 3, side, side, generator=draw)
    slopes = 0.5 + 1.5 * torch.rand(2, count, 1, 1, 1, generator=draw)
    down = torch.fft.fftfreq(side)[:, None].abs()
    across = torch.fft.rfftfreq(side)[None, :]
    size = down ** slopes[0] + across ** slopes[1]
    size[..., 0, 0] = torch.inf  # no mean
    fields = torch.fft.irfft2(torch.fft.rfft2(white) / size, s=(side, side))
    colours = torch.randn(count, 3, 3, generator=draw)
    values = torch.einsum("nij,njhw->nhwi", colours, fields)
    values = values / values.flatten(1).std(1).clamp(min=1e-6).view(-1, 1, 1, 1)
    return (127.5 + 64 * values).round().clamp(0, 255).to(torch.uint8)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed % 2**63)
