"""Images with labels as a source holds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import InputError
from .decode import Encoded

MOST_UNNAMED = 100_000
"""Where nothing names the classes, as large a number as this is taken for a mistake."""


@dataclass(frozen=True)
class Labelled:
    """Images of some source, still encoded, with the class names that the source itself uses."""

    names: Sequence[str]
    labels: NDArray[Any]
    """int64 `[N]`, indices into `names`."""
    pictures: Iterable[tuple[Encoded, str]]
    """N images in order, each with what to call it in an error. To be read once."""
    arrays: Sequence[NDArray[Any]] = ()
    """The same images, uint8 `[n, H, W, 3]` each, where they are stored as pixels."""
    is_numbered: bool = False
    """Whether the labels are numbers without names: `names` are then "0", "1" and so on."""
    files: Sequence[Path] = ()
    """The files that hold the images, in order."""


def numbers_as_names(labels: NDArray[Any], where: object) -> list[str]:
    """Names for labels that have none: "0", "1" and so on to the largest.

    Raises `InputError` where that is so large that labels they cannot be.
    """
    largest = int(labels.max(initial=-1))
    if largest >= MOST_UNNAMED:
        raise InputError(
            f"the labels of {str(where)!r} go up to {largest}; labels without names are whole "
            f"numbers from 0 to {MOST_UNNAMED - 1}"
        )
    return [str(label) for label in range(largest + 1)]


def check_range(labels: NDArray[Any], names: Sequence[str], where: object) -> None:
    """Raise `InputError` for the first of `labels` that is not an index into `names`."""
    wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(wrong):
        raise InputError(
            f"image {wrong[0]} of {str(where)!r} has label {labels[wrong[0]]}, outside the "
            f"{len(names)} class names of the data (0 to {len(names) - 1})"
        )


def joined(parts: Sequence[Labelled]) -> Labelled:
    """The images of all `parts` in order; where their class names differ, all of them, sorted.

    Raises `InputError` where some have names and some numbers alone.
    """
    pictures = chain.from_iterable(part.pictures for part in parts)
    files = [file for part in parts for file in part.files]
    is_numbered = parts[0].is_numbered
    if any(part.is_numbered != is_numbered for part in parts):
        raise InputError(
            "some of the files label images with names and some with numbers without names; use "
            "one of them"
        )
    names = max((list(part.names) for part in parts), key=len)
    if is_numbered or all(list(part.names) == names for part in parts):
        labels = np.concatenate([part.labels for part in parts])
        return Labelled(names, labels.astype(np.int64), pictures, (), is_numbered, files)
    names = sorted({name for part in parts for name in part.names})
    index = {name: i for i, name in enumerate(names)}
    tables = [np.array([index[name] for name in part.names], np.int64) for part in parts]
    labels = np.concatenate([table[part.labels] for table, part in zip(tables, parts, strict=True)])
    return Labelled(names, labels, pictures, files=files)
