"""What people hand over in Python, checked before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base.errors import InputError

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def check_images(images: Any, size: int | None = None, taker: str = "classifier") -> None:
    """Raise `InputError` unless `images` are a tensor uint8 `[N, S, S, 3]`, S being `size`.

    `taker` is what takes images of that size alone.
    """
    _check_tensor(images, "images")
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:
        is_nchw = len(shape) == 4 and shape[1] == 3
        remedy = ": permute(0, 2, 3, 1) gives that" if is_nchw else ""
        raise InputError(
            f"images have the shape {shape}: square NHWC, [N, S, S, 3], is needed{remedy}"
        )
    if images.dtype != torch.uint8:
        raise InputError(f"images are {images.dtype}: torch.uint8, 0 to 255, is needed")
    if size is not None and shape[1] != size:
        raise InputError(
            f"images are {shape[1]} pixels a side, and the {taker} is for {size}: resize them"
        )


def check_labels(labels: Any, images: int, classes: int | None = None) -> None:
    """Raise `InputError` unless `labels` are a tensor of whole numbers `[N]`, one an image.

    Each is from 0 to `classes` - 1, where the number of classes is given.
    """
    _check_tensor(labels, "labels")
    if labels.dtype not in _WHOLE or labels.ndim != 1:
        raise InputError(
            f"labels are {labels.dtype} of the shape {tuple(labels.shape)}: whole numbers, [N], "
            "are needed"
        )
    if len(labels) != images:
        raise InputError(f"{images} images have {len(labels)} labels: give one for each")
    most = torch.iinfo(torch.int64).max if classes is None else classes - 1
    wrong = labels[(labels < 0) | (labels > most)]
    if len(wrong):
        among = f"outside the {classes} classes" if classes is not None else "below 0"
        raise InputError(f"label {int(wrong[0])} is {among}: labels count classes from 0")


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


def check_plain_share(share: float, epochs: int | None) -> None:
    """Raise `InputError` for a share of training that has no such end."""
    if not 0 <= share <= 1:
        raise InputError(f"plain share is {share}: a share of all epochs, 0 to 1, is needed")
    if share and epochs is None:
        raise InputError(
            f"plain share is {share} of epochs that have no end: give a number of epochs, or 0"
        )


def check_batches(
    size: int | None, dtype: torch.dtype, mean: Sequence[float], std: Sequence[float]
) -> None:
    """Raise `InputError` for batches that cannot be made."""
    if size is not None and (type(size) is not int or size < 1):
        raise InputError(f"size is {size}: a whole number of pixels, at least 1, is needed")
    if dtype not in _DTYPES:
        raise InputError(f"dtype is {dtype}: float32, float16 or bfloat16 is needed")
    if not all(np.ndim(values) == 1 for values in (mean, std)):
        raise InputError(f"mean is {mean} and std {std}: three numbers each are needed")
    if len(mean) != 3 or len(std) != 3 or not all(0 < value < math.inf for value in std):
        raise InputError(
            f"mean is {list(mean)} and std {list(std)}: three numbers each are needed, one a "
            "channel, and those of std above 0"
        )


def check_whole(value: Any, what: str, least: int = 1) -> None:
    """Raise `InputError` unless `value` is a whole number of at least `least`."""
    if type(value) is not int or value < least:
        raise InputError(f"{what} is {value!r}: a whole number of at least {least} is needed")


def check_side(found: int, needed: int, what: str) -> None:
    """Raise `InputError` where images, those of `what`, have another side than the classifier's."""
    if found != needed:
        raise InputError(
            f"the {what} gives images of {found} pixels a side, and the classifier is for "
            f"{needed}: resize them, or make the loader by the trainer's 'loader'"
        )


def check_same_device(found: torch.device, needed: torch.device, what: str) -> None:
    """Raise `InputError` where images, those of `what`, lie on another kind of device."""
    if found.type != needed.type:
        raise InputError(
            f"the {what} is on {found}, and the trainer on {needed}: make both on one device"
        )


def check_outputs(outputs: int, classes: int) -> None:
    """Raise `InputError` where a classifier tells another number of classes than is tested."""
    if outputs != classes:
        raise InputError(
            f"the classifier tells {outputs} classes apart, and {classes} are tested: give the "
            "number that it was made for"
        )


def _check_tensor(value: Any, what: str) -> None:
    if isinstance(value, Tensor):
        return
    kind = f"{type(value).__module__.removeprefix('builtins')}.{type(value).__name__}".strip(".")
    remedy = f"torch.from_numpy({what}) gives that" if kind == "numpy.ndarray" else "make one"
    raise InputError(f"{what} are of the type {kind}: a torch.Tensor is needed; {remedy}")
