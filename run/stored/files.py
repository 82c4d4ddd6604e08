"""The files of a dataset: its pictures by number, and what tells that it is still the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from ...base import InputError
from ...data.decode import SUFFIXES, Encoded
from ...data.shards import find_shards
from ...data.source import open_images

_ARRAYS = (".parquet", ".npy")  # of these, those in the folder itself are read


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


def files_of(source: str) -> Iterator[tuple[str, int]]:
    """Name and size of each file that holds images of the dataset, in order."""
    path = Path(source)
    files = find_shards(source) or ([path] if path.is_file() else [])
    if not files and path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in _ARRAYS)
        files = files or sorted(file for file in path.rglob("*") if _holds_images(file))
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        yield name, file.stat().st_size


def _holds_images(file: Path) -> bool:
    is_named_so = file.suffix.lower() in SUFFIXES or "-ubyte" in file.name  # as Fashion-MNIST's
    return is_named_so and file.is_file()
