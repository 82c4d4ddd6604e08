"""What is in the files of a shard: which samples, with which labels, and single images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ....base.errors import InputError
from ....base.limits import MEMBER_BYTES
from ....base.reading import read_bytes
from ....data.arrays import map_array
from ....data.class_folders import folder_names
from ....data.tables import UNREADABLE, check_columns, open_table, rows_at_once
from ..commit.commit import FOLDER, METADATA
from .tar_contents import Samples, number_of, tar_images, tar_samples

Reach = Callable[[str], Path]
"""Gives a local path for the name of a file of the dataset."""

_BESIDE_PICTURES = {
    "webdataset": ("{}.tar", "{}.parquet"),
    "parquet": ("{}.parquet",),
    "npy": ("{}.npy", "{}.labels.npy", "{}.parquet"),
    "folder": (METADATA + "/{}.parquet",),
}


def shard_files(shard_format: str, stem: str) -> list[str]:
    """The files that every shard has, its table last; the pictures of `folder` come on top."""
    return [name.format(stem) for name in _BESIDE_PICTURES[shard_format]]


def shard_samples(
    shard_format: str, stem: str, files: Iterable[str], reach: Reach, classes: Sequence[str]
) -> dict[str, Samples]:
    """The samples that a shard's images are of, in order, as each of its files says for itself.

    `files` are those of its record. Raises `InputError` for files that cannot be read.
    """
    labels = {name: label for label, name in enumerate(classes)}
    name = shard_files(shard_format, stem)[-1]
    table = read_table(reach(name), ["index", "label", "class"])
    indices, numbers, names = (table[column].to_pylist() for column in table.column_names)
    found = {
        name: (indices, numbers),
        f"{name}, column 'class'": (indices, [labels.get(one, -1) for one in names]),
    }
    if shard_format == "webdataset":
        found |= tar_samples(reach(f"{stem}.tar"), f"{stem}.tar", labels)
    elif shard_format == "npy":
        found[f"{stem}.labels.npy"] = indices, _labels_array(stem, len(indices), reach)
    elif shard_format == "folder":
        pictures = [Path(name) for name in files if name.startswith(f"{FOLDER}/")]
        pictures.sort(key=lambda path: number_of(path.stem))
        places = {name: label for label, name in enumerate(folder_names(classes))}
        found[FOLDER] = (
            [number_of(path.stem) for path in pictures],
            [places.get(path.parent.name, -1) for path in pictures],
        )
    return found


def shard_rows(shard_format: str, stem: str, reach: Reach) -> list[dict[str, Any]]:
    """What is written of every image of a shard, in order."""
    table = read_table(reach(shard_files(shard_format, stem)[-1]))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def stored_images(
    shard_format: str, stem: str, rows: Sequence[int], files: Iterable[str], reach: Reach
) -> list[bytes | NDArray[np.uint8]]:
    """Images of a shard, by their places in it: encoded bytes, or for `npy` pixels.

    Files are read once, whatever the number of images. Raises `InputError` for files that cannot be
    read.
    """
    if shard_format == "npy":
        array = _array(reach(f"{stem}.npy"))
        return [np.array(array[row]) for row in rows]
    if shard_format == "parquet":
        return _embedded(reach(f"{stem}.parquet"), rows)
    if shard_format == "folder":
        pictures = [name for name in files if name.startswith(f"{FOLDER}/")]
        pictures.sort(key=lambda name: number_of(Path(name).stem))
        return [read_bytes(reach(pictures[row]), "picture", MEMBER_BYTES) for row in rows]
    return tar_images(reach(f"{stem}.tar"), rows)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Columns of a Parquet file in that order, by default all but `image`.

    Raises `InputError` where they cannot be read.
    """
    try:
        file = open_table(path, "table")
        names = columns or [name for name in file.schema_arrow.names if name != "image"]
        check_columns(file, names, f"{path.name!r}")
        return file.read(columns=names).select(names)
    except InputError:
        raise
    except (*UNREADABLE, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path.name!r} cannot be read as a table ({reason})") from None


def _embedded(path: Path, rows: Sequence[int]) -> list[bytes | NDArray[np.uint8]]:
    """Images of a Parquet file, of which no more is read than the groups that hold them."""
    try:
        file = open_table(path, "table")
        rows_at_once(file, ["image"], f"{path.name!r}")
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        begins = [0, *accumulate(groups)]
        held: dict[int, pa.ChunkedArray] = {}
        found: list[bytes | NDArray[np.uint8]] = []
        for row in rows:
            group = next(n for n, end in enumerate(begins[1:]) if row < end)
            if group not in held:
                held = {group: file.read_row_group(group, ["image"])["image"]}
            found.append(held[group][row - begins[group]].as_py()["bytes"])
    except (*UNREADABLE, StopIteration) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path.name!r} holds no such images ({reason})") from None
    return found


def _labels_array(stem: str, count: int, reach: Reach) -> list[int]:
    images, labels = _array(reach(f"{stem}.npy")), _array(reach(f"{stem}.labels.npy"))
    if not len(images) == len(labels) == count:
        raise InputError(f"it has {len(images)} images, {len(labels)} labels and {count} rows")
    found: list[int] = labels.tolist()
    return found


def _array(path: Path) -> NDArray[Any]:
    try:
        return map_array(path)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path.name!r} cannot be read as an array ({error})") from None
