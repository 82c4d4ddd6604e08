"""The files of a dataset: its images by number, and what tells that they are still the same."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ...base import InputError
from ...data.decode import Decoded, Encoded, decode_all
from ...data.settings import ReadSettings
from ...data.source import open_images

Picture = tuple[Encoded, str]
"""An image and what to call it in an error."""


class Pictures:
    """The images of a dataset by their numbers, where it can only be read forward, too.

    To go back, it is opened again. Raises `InputError` for what cannot be read.
    """

    def __init__(self, source: str, reading: ReadSettings) -> None:
        self._source, self._reading = source, reading
        self.found = open_images(source, reading)
        pictures = self.found.pictures
        self._mapped = _MappedPictures(self.found.arrays, source) if self.found.arrays else None
        self._numbered = pictures if isinstance(pictures, Sequence) else self._mapped
        self._forward = iter(pictures)
        self._begun = 0  # so many were read, or skipped
        self._last: Picture | None = None

    @property
    def in_any_order(self) -> bool:
        """Whether each image is as quick to reach as the next one."""
        return self._numbered is not None

    def read(self, numbers: Sequence[int], size: int) -> Decoded:
        """These images at `size` pixels a side."""
        if self._mapped is not None and self._mapped.is_all_of(size):
            return self._mapped.read(numbers)
        reading = self._reading
        return decode_all(
            self.take(numbers),
            len(numbers),
            size,
            reading.max_image_pixels,
            reading.skip_unreadable,
        )

    def take(self, numbers: Iterable[int]) -> Iterator[Picture]:
        """The images of these numbers, one after the other."""
        for number in numbers:
            if self._numbered is not None:
                yield self._numbered[number]
                continue
            if number < self._begun - 1:
                self._forward, self._begun = (
                    iter(open_images(self._source, self._reading).pictures),
                    0,
                )
            if number >= self._begun:
                skipped, self._begun = number - self._begun, number + 1
                self._last = next(islice(self._forward, skipped, None), None)
            if self._last is None:
                raise InputError(
                    f"dataset {self._source!r} ends before image {number}, which it had when it "
                    "was opened: leave it as it is while a run reads it"
                )
            yield self._last

    def files(self) -> Iterator[tuple[str, int]]:
        """Name and size of each file that holds images, in order."""
        path = Path(self._source)
        for file in self.found.files:
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            yield name, file.stat().st_size


class _MappedPictures(Sequence[Picture]):
    """Images in arrays uint8 `[n, H, W, 3]`, which are files that are mapped into memory."""

    def __init__(self, arrays: Sequence[NDArray[Any]], source: str) -> None:
        self._arrays, self._source = arrays, source
        self._begins = list(accumulate((len(array) for array in arrays), initial=0))

    def __len__(self) -> int:
        return self._begins[-1]

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> list[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | list[Picture]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return Image.fromarray(self._row(index)), f"{self._source}, image {index}"

    def is_all_of(self, size: int) -> bool:
        """Whether all images have `size` pixels a side."""
        return all(array.shape[1:3] == (size, size) for array in self._arrays)

    def read(self, numbers: Sequence[int]) -> Decoded:
        """Images of these numbers, which are of one size, in one copy."""
        images = np.empty((len(numbers), *self._arrays[0].shape[1:]), np.uint8)
        for place, number in enumerate(numbers):
            images[place] = self._row(number)
        return Decoded(torch.from_numpy(images), np.ones(len(images), bool), 0, ())

    def _row(self, number: int) -> NDArray[Any]:
        place = bisect_right(self._begins, number) - 1
        row: NDArray[Any] = self._arrays[place][number - self._begins[place]]
        return row
