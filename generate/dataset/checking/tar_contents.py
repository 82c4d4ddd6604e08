"""What is in a tar file of ours: samples by all that it says of them, and single images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....base.errors import InputError
from ....base.reading import parse_json
from ....data.decode import SUFFIXES
from ....data.tar_files import DAMAGED, TarFile, read_member

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
    for member, content in _tar_files(path, name):
        key, _, suffix = member.partition(".")
        if suffix == "cls":
            numbers[number_of(key)] = number_of(content().decode("latin-1"))
        elif suffix == "json":
            row = parse_json(content().decode(), f"{member!r} of {name!r}")
            rows[0].append(row["index"])
            is_own = number_of(key) == row["index"] and labels.get(row["class"]) == row["label"]
            rows[1].append(row["label"] if is_own else -1)
        elif _is_image(member):
            images.append(number_of(key))
    return {name: (images, [numbers.get(key, -1) for key in images]), f"{name}, json": rows}


def tar_images(path: Path, rows: Sequence[int]) -> list[bytes | NDArray[np.uint8]]:
    """The images in these places of a tar file."""
    wanted, found = set(rows), dict[int, bytes]()
    images = (content for name, content in _tar_files(path, path.name) if _is_image(name))
    for row, content in enumerate(images):
        if row in wanted:
            found[row] = content()
    return [found[row] for row in rows]


def _tar_files(path: Path, name: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Names of the files in a tar file, each with what reads it before the next is asked for."""
    try:
        with TarFile(path) as file:
            for member in file.members():
                yield member.name, partial(read_member, file, member)
            file.check_end()
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{name!r} cannot be read as a tar file ({error})") from None


def _is_image(name: str) -> bool:
    return f".{name.partition('.')[2]}" in SUFFIXES
