"""Memory of batches that is used again once nobody holds them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_MOST_BUFFERS = 4


class Buffers:
    """Tensors made by `make`, which is told how many rows are needed.

    One is given out again once nobody outside holds it, or a view of it.
    """

    def __init__(self, make: Callable[[int], Tensor]) -> None:
        self._make = make
        self._made: list[tuple[Tensor, int]] = []

    def take(self, count: int) -> Tensor:
        """A tensor of `count` rows, its content undefined."""
        for buffer, holders in self._made:
            if len(buffer) == count and _holders(buffer) == holders:
                return buffer.detach()
        buffer = self._make(count)
        self._made = [*self._made[-_MOST_BUFFERS:], (buffer, _holders(buffer))]
        return buffer.detach()  # another tensor on its memory: it counts for as long as it is held

    def clear(self) -> None:
        """Give the memory back."""
        self._made = []


def _holders(tensor: Tensor) -> int:
    """How many tensors share its memory, views and what autograd saved among them."""
    count: int = torch._C._storage_Use_Count(tensor.untyped_storage()._cdata)
    return count
