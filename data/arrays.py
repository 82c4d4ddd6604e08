"""Labelled images as NumPy arrays: `X.npy` with pixels beside `X.labels.npy`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..base.errors import InputError
from ..base.limits import ROWS
from ..base.reading import check_regular
from .class_names import stored_class_names
from .decode import Encoded, room_for
from .labelled import Labelled, check_range, numbers_as_names

_LABELS = ".labels.npy"


def arrays_in(files: Iterable[Path]) -> list[Path]:
    """Those of `files` that are arrays of images, `X.npy` with an `X.labels.npy`."""
    labels = (file for file in files if file.name.endswith(_LABELS))
    return [file.with_name(file.name.removesuffix(_LABELS) + ".npy") for file in labels]


def open_arrays(paths: Sequence[Path]) -> Labelled:
    """The labels at once, the images mapped into memory.

    The class names stand beside them (`stored_class_names`); else the labels name themselves.
    Raises `InputError` for arrays that are absent, damaged, of another kind or do not fit together.
    """
    opened = [_open(path) for path in paths]
    labels = np.concatenate([labels for _, labels in opened]).astype(np.int64)
    names = stored_class_names(paths[0].parent)
    is_numbered = names is None
    if names is None:
        names = numbers_as_names(labels, paths[0].parent)
    for path, (_, own) in zip(paths, opened, strict=True):
        check_range(own, names, path)
    arrays = [images for images, _ in opened]
    return Labelled(names, labels, _pictures(paths, arrays), arrays, is_numbered, paths)


def map_array(path: Path) -> NDArray[Any]:
    """The array in a file, which is mapped into memory and not read.

    Raises `InputError` for a pipe or device and for too many rows, and `OSError`, `ValueError` or
    `EOFError` of NumPy, which maps no more than there is.
    """
    check_regular(path, "array")
    try:
        # `np.load` would take pickles and archives for what they are, too.
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError, MemoryError):
        raise
    except Exception as error:  # of Python's tokenizer, of a length below 0, and others
        raise ValueError(f"its header is damaged: {error}") from None
    ROWS.check(len(array) if array.ndim else 0, f"array {str(path)!r}")
    return array


def together(arrays: Sequence[NDArray[Any]]) -> Tensor:
    """All images, uint8 `[N, S, S, 3]`, in one copy."""
    count = sum(len(array) for array in arrays)
    images = room_for(count, arrays[0].shape[1])
    return torch.from_numpy(np.concatenate(arrays, out=images))


def _open(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    images, labels = _map(path), _map(path.with_name(path.stem + _LABELS))
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise InputError(
            f"{str(path)!r} holds {images.dtype} of the shape {images.shape}; images are uint8 "
            f"[N, H, W, 3]"
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise InputError(
            f"the labels of {str(path)!r} are {labels.dtype} of the shape {labels.shape}; expected "
            f"whole numbers, one for each of {len(images)} images"
        )
    return images, labels


def _map(path: Path) -> NDArray[Any]:
    try:
        return map_array(path)
    except InputError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"cannot read {str(path)!r} as an array ({error}); fetch or write it again"
        ) from error


def _pictures(
    paths: Sequence[Path], arrays: Sequence[NDArray[Any]]
) -> Iterator[tuple[Encoded, str]]:
    for path, array in zip(paths, arrays, strict=True):
        for number, image in enumerate(array):
            yield Image.fromarray(image), f"{path}, image {number}"
