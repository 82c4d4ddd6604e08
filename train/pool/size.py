"""How many images a pool can hold, and in what blocks they arrive."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...base.errors import InputError
from ...base.memory import free_memory

__all__ = ["PoolSize", "images_in", "pool_size", "room_for"]

_SHARE = 0.25  # of the free memory, where no budget is given
_CHANNELS = 3


@dataclass(frozen=True)
class PoolSize:
    """Of a pool and its feed."""

    capacity: int
    """Images published at once, at most."""
    spare: int
    """Further slots."""
    block: int
    """Images that arrive together."""
    host: int = 0
    """How many of the slots lie in host memory."""


def room_for(device: torch.device, budget: int | None = None) -> int:
    """Bytes that images may take: `budget`, or else a quarter of what is free on `device`."""
    return int(_SHARE * free_memory(device)) if budget is None else budget


def images_in(room: int, image_size: int) -> int:
    """How many images fit into `room` bytes."""
    return room // (_CHANNELS * image_size**2)


def pool_size(
    room: int,
    images: int,
    *,
    spill: int = 0,
    blocks: int,
    replaces: bool,
    image_size: int,
    batch_size: int,
    classes: int,
) -> PoolSize:
    """The sizes of a pool with room for `room` images, of which `images` are to be generated.

    There is room for `spill` more in host memory, for what does not fit otherwise. The images
    arrive in `blocks` blocks; where they do not all fit, and replace each other, in blocks of that
    size, with room for one of them to be generated while the others are trained on. Raises
    `InputError` for a pool that cannot hold a batch, or an image of each class.
    """
    most = room + spill
    fits = images <= most
    capacity = images if fits else most
    if not fits and replaces:
        capacity = most * blocks // (blocks + 1)
    for needed, what in ((min(batch_size, images), "a batch"), (classes, "an image of each class")):
        if capacity < needed:
            slots = needed if fits or not replaces else -(-needed * (blocks + 1) // blocks)
            raise InputError(
                f"the pool has room for {capacity} images of {image_size} pixels, {what} takes "
                f"{needed}: give it at least {_mebibytes(slots * _CHANNELS * image_size**2)} on "
                "the device (--pool) or in host memory (--spill), or make the images smaller"
            )
    block = -(-capacity // blocks)
    spare = 0 if fits or not replaces else block
    return PoolSize(capacity, spare, block, host=max(0, capacity + spare - room))


def _mebibytes(size: int) -> str:
    """Of `size` bytes, rounded up: what is asked for must do."""
    return f"{-(-size // 2**20)}MiB"
