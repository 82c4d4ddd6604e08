"""One shard of raw pixels: arrays that are mapped into memory rather than decoded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy
from numpy.typing import NDArray

from .shard_files import PendingFiles, reserve
from .shard_rows import Row, Rows


class ArrayShard:
    """`STEM.npy` uint8 `[N, S, S, 3]`, `STEM.labels.npy` int64 `[N]`, `STEM.parquet` with the rows.

    What `numpy.save` would write, image by image: the whole is never held.
    """

    def __init__(
        self, folder: Path, stem: str, schema: pa.Schema, count: int, image_size: int
    ) -> None:
        self._files = PendingFiles(folder)
        self._rows = Rows(schema, count)
        self._shape = (image_size, image_size, 3)
        self._images, self._labels, self._metadata = (
            self._files.open(f"{stem}.{suffix}") for suffix in ("npy", "labels.npy", "parquet")
        )
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *self._shape)}
        npy.write_array_header_1_0(self._images, header)
        reserve(self._images, self._images.tell() + count * math.prod(self._shape))

    def write(self, image: bytes | NDArray[Any], row: Row) -> None:
        """Add a sample."""
        if isinstance(image, bytes) or image.dtype != np.uint8 or image.shape != self._shape:
            raise TypeError(f"an image is a uint8 array of the shape {self._shape}")
        self._rows.add(row)
        self._images.write(image.data if image.flags.c_contiguous else image.tobytes())

    def close(self) -> list[Path]:
        """Finish all three files; their names."""
        self._rows.check_complete()
        npy.write_array(self._labels, np.array(self._rows.labels(), np.int64), allow_pickle=False)
        self._rows.write_alone(self._metadata)
        return self._files.finish()

    def abandon(self) -> None:
        """Remove what was written."""
        self._files.abandon()
