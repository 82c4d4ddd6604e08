"""Which shards a dataset consists of, what they are called, and which are missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_STEM = re.compile(r"(\d{6,})-(\d{9,})-(\d{9,})-([0-9a-f]{8})")
DIGEST_CHARACTERS = 8


@dataclass(frozen=True)
class ShardRange:
    """A shard: its number and its samples, from `first` to before `end`."""

    number: int
    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first


@dataclass(frozen=True)
class ShardPlan:
    """The shards of a dataset.

    Shards hold `shard_size` samples, but for the last one before each of `ends`: a dataset that was
    extended keeps the shards that it had.
    """

    ends: tuple[int, ...]
    """How many samples there were at first, and after each extension, ascending."""
    shard_size: int
    digest: str
    """Of what decides the samples; see `DatasetConfig`."""

    @property
    def samples(self) -> int:
        """How many there are in all."""
        return self.ends[-1]

    def __len__(self) -> int:
        return sum(self._count(first, end) for first, end in self._extents())

    def __getitem__(self, number: int) -> ShardRange:
        rest = number
        for first, end in self._extents():
            count = self._count(first, end)
            if 0 <= rest < count:
                begin = first + rest * self.shard_size
                return ShardRange(number, begin, min(begin + self.shard_size, end))
            rest -= count
        raise IndexError(f"shard {number} of a plan of {len(self)}")

    def __iter__(self) -> Iterator[ShardRange]:
        return (self[number] for number in range(len(self)))

    def shard_of(self, sample: int) -> ShardRange:
        """The shard that holds a sample."""
        number = 0
        for first, end in self._extents():
            if first <= sample < end:
                return self[number + (sample - first) // self.shard_size]
            number += self._count(first, end)
        raise IndexError(f"sample {sample} of a plan of {self.samples}")

    def stem(self, shard: ShardRange) -> str:
        """What the files of a shard are called, without suffix: number, range and digest."""
        digest = self.digest[:DIGEST_CHARACTERS]
        return f"{shard.number:06d}-{shard.first:09d}-{shard.end - 1:09d}-{digest}"

    def missing(self, names: Iterable[str], suffix: str) -> list[int]:
        """The numbers of the shards whose file with that suffix is not among `names`, ascending."""
        there = _text_array(names)
        there = there.filter(pc.ends_with(there, suffix))  # a third of what is in a folder
        is_there = pc.is_in(self._files(suffix), there)
        found: list[int] = np.flatnonzero(~is_there.to_numpy(zero_copy_only=False)).tolist()
        return found

    def images_in(self, numbers: Iterable[int]) -> int:
        """How many samples shards of these numbers hold together."""
        numbers = set(numbers)
        lacking = number = 0
        for first, end in self._extents():
            number += self._count(first, end)
            if number - 1 in numbers:
                lacking += (first - end) % self.shard_size
        return len(numbers) * self.shard_size - lacking

    def files(self, suffix: str) -> Iterator[str]:
        """The names of all shards' files with a suffix, in order."""
        return iter(self._files(suffix).to_pylist())

    def _files(self, suffix: str) -> pa.StringArray:
        """These names at once: a million should take less than a second."""
        begins = [np.arange(first, end, self.shard_size) for first, end in self._extents()]
        ends = [
            np.minimum(begin + self.shard_size, end)
            for begin, (_, end) in zip(begins, self._extents(), strict=True)
        ]
        first, end = np.concatenate(begins), np.concatenate(ends)
        numbers = [(np.arange(len(first)), 6), (first, 9), (end - 1, 9)]
        parts = [
            pc.utf8_lpad(pc.cast(pa.array(each), pa.string()), width, "0")
            for each, width in numbers
        ]
        ending = self.digest[:DIGEST_CHARACTERS] + suffix
        return pc.binary_join_element_wise(*parts, ending, "-")

    def _extents(self) -> Iterator[tuple[int, int]]:
        return pairwise((0, *self.ends))

    def _count(self, first: int, end: int) -> int:
        return -(-(end - first) // self.shard_size)


def _text_array(names: Iterable[str]) -> pa.StringArray:
    """Names as an array, without those that are not even text: no shard is called so."""
    names = list(names)
    try:
        return pa.array(names, pa.string())
    except UnicodeEncodeError:
        return pa.array([name for name in names if name.isascii()], pa.string())


def parse_stem(stem: str) -> tuple[ShardRange, str] | None:
    """The shard and the digest that a name without suffix says; None for other names."""
    found = _STEM.fullmatch(stem)
    if found is None:
        return None
    number, first, last = (int(part) for part in found.groups()[:3])
    return ShardRange(number, first, last + 1), found[4]
