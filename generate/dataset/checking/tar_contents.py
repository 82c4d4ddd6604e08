"""What is in a tar file of ours: samples by all that it says of them, and single images."""

from __future__ import annotations

import json
import mmap
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....base.errors import InputError
from ....data.decode import SUFFIXES

Samples = tuple[list[int], list[int]]
"""Indices and labels; -1 for what is no number."""


def number_of(text: str) -> int:
    """The number that a text is, such as a sample's key; -1 for anything else."""
    return int(text) if text.isascii() and text.isdigit() else -1


def tar_samples(path: Path, name: str, labels: Mapping[str, int]) -> dict[str, Samples]:
    """What a tar file says of its samples: by keys and `cls`, and by `json`."""
    images: list[int] = []
    numbers: dict[int, int] = {}
    rows: Samples = ([], [])
    with _mapped(path) as data:
        for member, place in _tar_files(data, name):
            key, _, suffix = member.partition(".")
            if suffix == "cls":
                numbers[number_of(key)] = number_of(data[place].decode("latin-1"))
            elif suffix == "json":
                row = json.loads(data[place])
                rows[0].append(row["index"])
                is_own = number_of(key) == row["index"] and labels.get(row["class"]) == row["label"]
                rows[1].append(row["label"] if is_own else -1)
            elif _is_image(member):
                images.append(number_of(key))
    return {name: (images, [numbers.get(key, -1) for key in images]), f"{name}, json": rows}


def tar_images(path: Path, rows: Sequence[int]) -> list[bytes | NDArray[np.uint8]]:
    """The images in these places of a tar file."""
    with _mapped(path) as data:
        places = [place for name, place in _tar_files(data, path.name) if _is_image(name)]
        return [data[places[row]] for row in rows]


def _tar_files(data: mmap.mmap, name: str) -> Iterator[tuple[str, slice]]:
    """Names and places of the files in a tar file."""
    try:
        with tarfile.open(fileobj=data, mode="r:") as tar:
            for member in tar:
                begin = member.offset_data
                yield member.name, slice(begin, begin + member.size)
            # `tarfile` takes a damaged header for the end, so the mark of the end must be there.
            if data[tar.offset : tar.offset + tarfile.BLOCKSIZE] != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("it has no end-of-archive mark")
    except tarfile.TarError as error:
        raise InputError(f"{name!r} cannot be read as a tar file ({error})") from None


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise InputError(f"{path.name!r} is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _is_image(name: str) -> bool:
    return f".{name.partition('.')[2]}" in SUFFIXES
