"""How many images a pool can hold, and in what blocks they arrive."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..engine.errors import InputError
from ..engine.memory import free_memory

__all__ = ["PoolSize", "pool_size", "room_for"]

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


def room_for(device: torch.device, image_size: int, budget: int | None = None) -> int:
    """How many images fit into `budget` bytes, by default a quarter of what is free on `device`."""
    room = int(_SHARE * free_memory(device)) if budget is None else budget
    return room // (_CHANNELS * image_size**2)


def pool_size(
    room: int,
    images: int,
    *,
    blocks: int,
    replaces: bool,
    image_size: int,
    batch_size: int,
    classes: int,
) -> PoolSize:
    """The sizes of a pool with room for `room` images, of which `images` are to be generated.

    They arrive in `blocks` blocks; where they do not all fit, and replace each other, in blocks of
    that size, with room for one of them to be generated while the others are trained on. Raises
    `InputError` for a pool that cannot hold a batch, or an image of each class.
    """
    fits = images <= room
    capacity = images if fits else room
    if not fits and replaces:
        capacity = room * blocks // (blocks + 1)
    for needed, what in ((min(batch_size, images), "a batch"), (classes, "an image of each class")):
        if capacity < needed:
            slots = needed if fits or not replaces else -(-needed * (blocks + 1) // blocks)
            raise InputError(
                f"the pool has room for {capacity} images of {image_size} pixels, {what} takes "
                f"{needed}: give it at least {_mebibytes(slots * _CHANNELS * image_size**2)}, or "
                "make the images smaller"
            )
    block = -(-capacity // blocks)
    return PoolSize(capacity, 0 if fits or not replaces else block, block)


def _mebibytes(size: int) -> str:
    """Of `size` bytes, rounded up: what is asked for must do."""
    return f"{-(-size // 2**20)}MiB"
