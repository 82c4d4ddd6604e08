"""One part of a folder of image files, a sub-folder for each class."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from .class_folders import folder_names
from .shard_files import PendingFiles, sync_all
from .shard_rows import Row, Rows, encoded

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class FolderShard:
    """`STEM/CLASS/INDEX.jpg` for each sample, and `STEM.parquet` with the rows.

    `CLASS` is what `folder_names` gives; the column `file_name` is the path from `STEM` on.
    """

    def __init__(
        self,
        folder: Path,
        stem: str,
        classes: Sequence[str],
        schema: pa.Schema,
        count: int,
        image_format: str,
    ) -> None:
        self._files = PendingFiles(folder)
        self._folder, self._stem, self._suffix = folder, stem, image_format
        self._rows, self._names = Rows(schema, count), list[str]()
        self._folders = dict(zip(classes, folder_names(classes), strict=True))
        self._made: set[str] = set()
        (folder / stem).mkdir()
        self._prefix = f"{folder / stem}{os.sep}"
        self._metadata = self._files.open(f"{stem}.parquet")

    def write(self, image: bytes | NDArray[Any], row: Row) -> None:
        """Add a sample."""
        rest = memoryview(encoded(image))
        self._rows.add(row)
        place = self._folders[row["class"]]
        if place not in self._made:
            os.mkdir(self._prefix + place)
            self._made.add(place)
        name = f"{place}/{row['index']:09d}.{self._suffix}"
        self._names.append(name)
        descriptor = os.open(self._prefix + name, _NEW, 0o666)
        try:
            while rest := rest[os.write(descriptor, rest) :]:
                pass  # systems may write less than they are given
        finally:
            os.close(descriptor)

    def close(self) -> list[Path]:
        """Finish all files; their names, that of the metadata last."""
        self._rows.check_complete()
        self._rows.write(self._metadata, "file_name", self._names)
        root = self._folder / self._stem
        sync_all(root, [root / name for name in (*self._names, *self._made)])
        metadata = self._files.finish()
        return [Path(self._stem, name) for name in self._names] + metadata

    def abandon(self) -> None:
        """Remove what was written."""
        self._files.abandon()
        shutil.rmtree(self._folder / self._stem, ignore_errors=True)
