"""The files of a dataset: its pictures by number, and what tells that they are still the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from ...base import InputError
from ...data.decode import Encoded
from ...data.shards import find_shards
from ...data.source import open_images

_HOLD_IMAGES = ("*.parquet", "*.npy", "**/*-ubyte*")


class Pictures:
    """The encoded images of a dataset by their numbers, where it can only be read forward, too.

    To go back, it is opened again. Raises `InputError` for what cannot be read.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self.found = open_images(source)
        self._forward = iter(self.found.pictures)
        self._begun = 0  # so many were read, or skipped
        self._last: tuple[Encoded, str] | None = None

    @property
    def in_any_order(self) -> bool:
        """Whether each image is as quick to reach as the next one."""
        return isinstance(self.found.pictures, Sequence)

    def take(self, numbers: Iterable[int]) -> Iterator[tuple[Encoded, str]]:
        """The images of these numbers, one after the other, each with its name."""
        for number in numbers:
            if isinstance(self.found.pictures, Sequence):
                yield self.found.pictures[number]
                continue
            if number < self._begun - 1:
                self._forward, self._begun = iter(open_images(self._source).pictures), 0
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
        for file in self._paths(path):
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            yield name, file.stat().st_size

    def _paths(self, path: Path) -> list[Path]:
        if isinstance(self.found.pictures, Sequence):
            return [encoded for encoded, _ in self.found.pictures if isinstance(encoded, Path)]
        if path.is_file():
            return [path]
        found = [file for pattern in _HOLD_IMAGES for file in path.glob(pattern)]
        return find_shards(self._source) or sorted(found)
