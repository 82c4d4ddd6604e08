"""Writers of one shard each, in four formats, all used alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from numpy.typing import NDArray

from ..base.errors import unknown
from .formats import SHARD_FORMATS
from .shard_rows import Row

__all__ = ["ShardWriter", "new_shard"]


class ShardWriter(Protocol):
    """Writes the samples of one shard.

    It neither overwrites nor renames anything. Whatever fails, `abandon` can be called after.
    """

    def write(self, image: bytes | NDArray[Any], row: Row) -> None:
        """Add a sample, in the order of `index`.

        `image` is a uint8 array `[S, S, 3]` for `npy`, else an encoded file. `row` has all columns
        of the schema.
        """

    def close(self) -> list[Path]:
        """Finish: the files, relative to the folder, all of them on the disk.

        Raises `ValueError` where fewer or more samples came than were to come.
        """

    def abandon(self) -> None:
        """Remove whatever was written."""


def new_shard(
    shard_format: str,
    folder: Path,
    stem: str,
    classes: Sequence[str],
    schema: pa.Schema,
    *,
    count: int,
    image_size: int,
    image_format: str,
) -> ShardWriter:
    """A writer of a shard into `folder`, which exists; its files' names begin with `stem`.

    Args:
        shard_format: one of `SHARD_FORMATS`.
        folder: where to write.
        stem: of the files' names.
        classes: names in the order of the labels.
        schema: columns of the rows: `index`, `label`, `class`, `prompt` and any others.
        count: how many samples come.
        image_size: side of the images in pixels.
        image_format: suffix of encoded images: `jpg`, `png` or `webp`.

    Raises `InputError` for an unknown format.
    """
    # Each needs libraries of its own.
    if shard_format == "webdataset":
        from .shard_tar import TarShard

        return TarShard(folder, stem, schema, count, image_format)
    if shard_format == "parquet":
        from .shard_embedded import EmbeddedShard

        return EmbeddedShard(folder, stem, classes, schema, count, image_format)
    if shard_format == "folder":
        from .shard_folder import FolderShard

        return FolderShard(folder, stem, classes, schema, count, image_format)
    if shard_format == "npy":
        from .shard_npy import ArrayShard

        return ArrayShard(folder, stem, schema, count, image_size)
    raise unknown("format", shard_format, SHARD_FORMATS)
