"""How others write the same: one image after the other, by Pillow and the format's own library.

Encoder settings, files and rows are those of ours, so that the outputs are equal.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from webdataset import ShardWriter

from ...generate.dataset.writing.open_shard import SCHEMA

Write = Callable[[Path, NDArray[Any], Sequence[Mapping[str, Any]], Mapping[str, Any]], None]
"""Writes images and rows into a folder; last come the settings of Pillow's `save`."""

_ROWS_AT_ONCE = 1000
_SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


def by_shard_writer(
    folder: Path,
    images: NDArray[Any],
    rows: Sequence[Mapping[str, Any]],
    save: Mapping[str, Any],
) -> None:
    """`webdataset.ShardWriter`, which also turns texts, numbers and JSON into files."""
    writer = ShardWriter(f"{folder}/%05d.tar", len(images), verbose=0, mtime=0)
    for image, row in zip(images, rows, strict=True):
        writer.write(
            {
                "__key__": f"{row['index']:09d}",
                _SUFFIXES[save["format"]]: _encoded(image, save),
                "cls": row["label"],
                "txt": row["prompt"],
                "json": row,
            }
        )
    writer.close()
    _write_rows(folder, rows)


def by_pyarrow(
    folder: Path,
    images: NDArray[Any],
    rows: Sequence[Mapping[str, Any]],
    save: Mapping[str, Any],
) -> None:
    """A Parquet writer that is given records, as `datasets` gives them."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([pa.field("image", image), *SCHEMA])
    with pq.ParquetWriter(folder / "00000.parquet", schema) as writer:
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(begin, begin + _ROWS_AT_ONCE)
            records = [
                {"image": {"bytes": _encoded(image, save), "path": f"{row['index']}"}, **row}
                for image, row in zip(images[part], rows[part], strict=True)
            ]
            writer.write_table(pa.Table.from_pylist(records, schema))


def by_files(
    folder: Path,
    images: NDArray[Any],
    rows: Sequence[Mapping[str, Any]],
    save: Mapping[str, Any],
) -> None:
    """A file for each image, saved by Pillow."""
    for name in {row["class"] for row in rows}:
        (folder / name).mkdir()
    for image, row in zip(images, rows, strict=True):
        name = f"{row['index']:09d}.{_SUFFIXES[save['format']]}"
        Image.fromarray(image).save(folder / row["class"] / name, **save)
    _write_rows(folder, rows)


def by_numpy(
    folder: Path,
    images: NDArray[Any],
    rows: Sequence[Mapping[str, Any]],
    save: Mapping[str, Any],
) -> None:
    """`numpy.save` of all images at once."""
    np.save(folder / "00000.npy", images)
    np.save(folder / "00000.labels.npy", np.array([row["label"] for row in rows]))
    _write_rows(folder, rows)


PEERS: dict[str, tuple[str, Write]] = {
    "webdataset": ("ShardWriter and Pillow", by_shard_writer),
    "parquet": ("pyarrow and Pillow", by_pyarrow),
    "folder": ("Pillow", by_files),
    "npy": ("numpy.save", by_numpy),
}
"""By format: what it is called, and how it writes."""


def _encoded(image: NDArray[Any], save: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, **save)
    return file.getvalue()


def _write_rows(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), folder / "00000.parquet")
