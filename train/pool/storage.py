"""Where a pool's images lie: on the device, and what does not fit there in host memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.page_lock import page_lock, staged
from ...base.transfer import to_device


class ImageStorage:
    """Slots for uint8 images `[S, S, 3]`, of which the last ones lie in host memory.

    Args:
        on_device: how many slots lie on the device.
        on_host: how many lie in host memory.
        image_size: S, in pixels.
        device: where images are given out.
    """

    def __init__(self, on_device: int, on_host: int, image_size: int, device: torch.device) -> None:
        shape = (image_size, image_size, 3)
        self.near = torch.empty(on_device, *shape, dtype=torch.uint8, device=device)
        """The slots on the device, uint8 `[on_device, S, S, 3]`."""
        self.far = torch.empty(on_host, *shape, dtype=torch.uint8)
        """The slots in host memory, uint8 `[on_host, S, S, 3]`."""
        if on_host and device.type == "cuda":
            page_lock(self.far, device, self)

    def is_far(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `slots` lie in host memory."""
        return slots >= len(self.near)

    def gather(self, slots: NDArray[np.int64], rows: Tensor) -> tuple[Tensor, Tensor]:
        """See `ImagePool.gather`."""
        is_far = self.is_far(slots)
        if not is_far.any():
            return self.near, rows
        order = np.argsort(is_far)  # those on the device first
        split = np.count_nonzero(~is_far)
        ordered = torch.from_numpy(slots[order])
        device = self.near.device
        images = self.near.new_empty(len(slots), *self.near.shape[1:])
        torch.index_select(self.near, 0, to_device(ordered[:split], device), out=images[:split])
        far = ordered[split:] - len(self.near)
        images[split:].copy_(staged(self.far, far, device), non_blocking=True)
        return images, to_device(torch.from_numpy(np.argsort(order)), device)

    def store(self, slots: Sequence[int], rows: Tensor, images: Tensor) -> None:
        """Copy images on the device into slots wherever they lie, on the current stream.

        `rows` are the slots, int64 `[B]`, on the device.
        """
        on_device = len(self.near)
        if max(slots, default=0) < on_device:
            self.near[rows] = images
            return
        for slot, image in zip(slots, images, strict=True):
            memory = self.near[slot] if slot < on_device else self.far[slot - on_device]
            memory.copy_(image, non_blocking=True)
