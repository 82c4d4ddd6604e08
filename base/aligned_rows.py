"""Rows of a table that each begin where engines want tensors to begin."""

from __future__ import annotations

import torch
from torch import Tensor

from .transfer import to_device

__all__ = ["ALIGNMENT", "aligned_rows"]

ALIGNMENT = 256
"""Bytes: what TensorRT wants of addresses, and no less than PyTorch's own allocations have on a
GPU. AOTInductor copies what is not aligned to 16."""


def aligned_rows(table: Tensor, device: torch.device) -> tuple[Tensor, ...]:
    """The rows `[width]` of `table` `[count, width]` on `device`, with gaps that align each."""
    count, width = table.shape
    step = -(-width * table.itemsize // ALIGNMENT) * ALIGNMENT // table.itemsize
    padded = torch.zeros(count, step, dtype=table.dtype)
    padded[:, :width] = table
    return tuple(row[:width] for row in to_device(padded, device).unbind())
