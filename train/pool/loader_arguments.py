"""What a loader is made from, checked before anything is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from ...base.errors import InputError
from .feed import Feed
from .pool import ImagePool

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def check_source(source: Any) -> None:
    """Raise `InputError` unless `source` is what a loader draws from."""
    if not isinstance(source, ImagePool | Feed):
        raise InputError(
            f"a loader's source is of the type {type(source).__name__}: give a pool, such as "
            "ImagePool.of(images, labels, device), or a feed"
        )


def check_numbers(
    batch_size: int,
    epochs: int | None,
    max_replay: float | None,
    rank: int,
    world_size: int,
    seed: int,
) -> None:
    """Raise `InputError` for the first number that is out of range."""
    if type(batch_size) is not int or batch_size < 1:
        raise InputError(f"batch size is {batch_size}: a whole number of at least 1 is needed")
    if epochs is not None and (type(epochs) is not int or epochs < 1):
        raise InputError(f"epochs is {epochs}: a whole number of at least 1 is needed")
    if max_replay is not None and not 0 < max_replay < math.inf:
        raise InputError(f"max replay is {max_replay}: it must be above 0")
    if not 0 <= rank < world_size:
        raise InputError(f"rank is {rank}: it must be 0 to {world_size - 1}")
    if type(seed) is not int or not 0 <= seed < 2**64:
        raise InputError(f"seed {seed} is outside 0..2^64-1: choose one inside")


def check_batches(
    size: int | None, dtype: torch.dtype, mean: Sequence[float], std: Sequence[float]
) -> None:
    """Raise `InputError` for batches that cannot be made."""
    if size is not None and (type(size) is not int or size < 1):
        raise InputError(f"size is {size}: a whole number of pixels, at least 1, is needed")
    if dtype not in _DTYPES:
        raise InputError(f"dtype is {dtype}: float32, float16 or bfloat16 is needed")
    if len(mean) != 3 or len(std) != 3 or not all(0 < value < math.inf for value in std):
        raise InputError(
            f"mean is {list(mean)} and std {list(std)}: three numbers each are needed, one a "
            "channel, and those of std above 0"
        )
