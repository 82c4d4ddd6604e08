"""Working memory that engines share which run one after another."""

from __future__ import annotations

import torch
from torch import Tensor


class ActivationArena:
    """One block of a GPU's memory, as large as the neediest of the engines that share it.

    It is allocated when the first of them runs, so that all of them can be loaded before. A block
    that has to grow after that is kept: CUDA graphs recorded with it go on using it.

    Engines that share an arena must be ordered among themselves, as on one stream.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.bytes = 1  # a block of none would have no address
        """What the neediest engine asked for."""
        self._blocks: list[Tensor] = []

    def reserve(self, size: int) -> None:
        """Have at least `size` bytes from the next run on."""
        self.bytes = max(self.bytes, size)

    def block(self) -> Tensor:
        """The memory, uint8; PyTorch aligns it to more than the 256 bytes that TensorRT wants."""
        if not self._blocks or self._blocks[-1].numel() < self.bytes:
            self._blocks.append(torch.empty(self.bytes, dtype=torch.uint8, device=self.device))
        return self._blocks[-1]
