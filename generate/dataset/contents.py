"""What is in the files of a shard: which samples, with which labels, and single images."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ...base.errors import InputError
from ...data.shard_index import index_shard
from .commit import FOLDER, METADATA

Reach = Callable[[str], Path]
"""Gives a local path for the name of a file of the dataset."""

Samples = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Indices and labels."""


def shard_samples(shard_format: str, stem: str, files: Mapping[str, Any], reach: Reach) -> Samples:
    """The samples that a shard's images are of, in order, as the files themselves say.

    `files` are those of its record, by name. Raises `InputError` for files that cannot be read.
    """
    if shard_format == "webdataset":
        found = index_shard(reach(f"{stem}.tar"))
        return _arrays([int(one.key) for one in found], [one.label for one in found])
    if shard_format == "folder":
        names = [Path(name) for name in files if name.startswith(f"{FOLDER}/")]
        table = _table(reach(f"{METADATA}/{stem}.parquet"))
        labels = dict(zip(table["class"].to_pylist(), table["label"].to_pylist(), strict=True))
        names.sort(key=lambda name: int(name.stem))
        return _arrays([int(n.stem) for n in names], [labels.get(n.parent.name, -1) for n in names])
    table = _table(reach(f"{stem}.parquet"))
    labels = table["label"].to_numpy()
    if shard_format == "npy":
        images = np.load(reach(f"{stem}.npy"), mmap_mode="r")
        labels = np.load(reach(f"{stem}.labels.npy"))
        if not len(images) == len(labels) == len(table):
            raise InputError(
                f"shard {stem!r} has {len(images)} images, {len(labels)} labels and {len(table)} "
                "rows: it is damaged"
            )
    return table["index"].to_numpy().astype(np.int64), labels.astype(np.int64)


def shard_rows(shard_format: str, stem: str, reach: Reach) -> list[dict[str, Any]]:
    """What is written of every image of a shard, in order."""
    if shard_format == "webdataset":
        with tarfile.open(reach(f"{stem}.tar")) as tar:
            members = (tar.extractfile(one) for one in tar if one.name.endswith(".json"))
            return [json.loads(member.read()) for member in members if member is not None]
    folder = f"{METADATA}/" if shard_format == "folder" else ""
    table = _table(reach(f"{folder}{stem}.parquet"))
    kept = [name for name in table.column_names if name != "image"]
    rows: list[dict[str, Any]] = table.select(kept).to_pylist()
    return rows


def stored_image(
    shard_format: str, stem: str, row: int, index: int, files: Mapping[str, Any], reach: Reach
) -> bytes | NDArray[np.uint8]:
    """The image of a sample: its encoded bytes, or for `npy` its pixels.

    `row` is its place in the shard.
    """
    if shard_format == "npy":
        return np.array(np.load(reach(f"{stem}.npy"), mmap_mode="r")[row])
    if shard_format == "parquet":
        image = _table(reach(f"{stem}.parquet"), ["image"])["image"][row].as_py()
        return bytes(image["bytes"])
    if shard_format == "folder":
        (name,) = (n for n in files if n.startswith(f"{FOLDER}/") and int(Path(n).stem) == index)
        return reach(name).read_bytes()
    sample = index_shard(reach(f"{stem}.tar"))[row]
    with sample.shard.open("rb") as file:
        file.seek(sample.offset)
        return file.read(sample.size)


def _table(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        file = pq.ParquetFile(path)
        wanted = columns or [name for name in file.schema_arrow.names if name != "image"]
        return file.read(columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"table {path.name!r} cannot be read ({error}): it is damaged") from None


def _arrays(indices: list[int], labels: list[Any]) -> Samples:
    return np.array(indices, np.int64), np.array(labels, np.int64)
