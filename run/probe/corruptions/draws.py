"""What is drawn for an image: a pure function of its key, so that batches do not matter."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....kernels._philox_normal import philox_normal, philox_words


@dataclass(frozen=True)
class Draws:
    """Random numbers of B images.

    Each draw of a number is independent of those of other numbers, whether uniform or normal.
    """

    keys: Tensor
    """int64 `[B]`."""

    def uniform(self, shape: Sequence[int], draw: int) -> Tensor:
        """float64 `[B, *shape]` in [0, 1), of 32 bits each."""
        size = math.prod(shape)
        words = torch.stack(philox_words(self.keys, -(-size // 4), draw), dim=2).flatten(1)
        return words[:, :size].double().div(2**32).view(len(self.keys), *shape)

    def normal(self, shape: Sequence[int], draw: int) -> Tensor:
        """Standard normal, float32 `[B, *shape]`."""
        return philox_normal(self.keys, shape, draw)


def draws_of(seed: int, stream: str, indices: Tensor) -> Draws:
    """The draws of images by their `indices`, int64 `[B]` of 0 to 2^32 - 1.

    `stream` keeps those for one purpose apart from those for another.
    """
    key = seed ^ int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest())
    signed = (key + 2**63) % 2**64 - 2**63
    high, low, _, _ = philox_words(torch.full_like(indices, signed), 1, indices[:, None])
    return Draws((high << 32 | low)[:, 0])
