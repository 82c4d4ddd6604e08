"""The metadata of a shard's samples, and the Parquet file that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

Row = Mapping[str, Any]

# Set down, so that the same rows give the same bytes.
PARQUET = {"compression": "snappy", "write_page_index": True, "version": "2.6"}


class Rows:
    """Rows in the order in which they were added.

    Args:
        schema: the columns, which every row has.
        count: how many rows are to come in all.
    """

    def __init__(self, schema: pa.Schema, count: int) -> None:
        self.schema = schema
        self.names: list[str] = schema.names
        self.label = self.names.index("label")
        self._values = itemgetter(*self.names)
        self._kept: list[tuple[Any, ...]] = []
        self._wanted, self._added, self._last = count, 0, -1

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, row: Row) -> tuple[Any, ...]:
        """Keep a row; its values, in the order of the columns."""
        if row["index"] <= self._last:
            raise ValueError(
                f"sample {row['index']} came after {self._last}: samples come in order"
            )
        self._last = row["index"]
        self._added += 1
        values: tuple[Any, ...] = self._values(row)
        self._kept.append(values)
        return values

    def columns(self) -> list[pa.Array]:
        """The rows that are kept, as an array a column."""
        columns = zip(*self._kept, strict=True) if self._kept else ((),) * len(self.names)
        return [
            pa.array(values, field.type) for values, field in zip(columns, self.schema, strict=True)
        ]

    def labels(self) -> list[int]:
        """The labels of the rows that are kept."""
        return [values[self.label] for values in self._kept]

    def forget(self) -> None:
        """Let go of the rows that are kept: they are written."""
        self._kept.clear()

    def check_complete(self) -> None:
        """Raise `ValueError` unless as many rows came as were to come."""
        if self._added != self._wanted:
            raise ValueError(f"the shard was to hold {self._wanted} samples and got {self._added}")

    def write(self, file: BinaryIO, name: str, texts: Sequence[str]) -> None:
        """Write the rows that are kept to `file`, with the further column `name` of `texts`."""
        schema = self.schema.append(pa.field(name, pa.string()))
        arrays = [*self.columns(), pa.array(texts, pa.string())]
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file, **PARQUET)

    def write_alone(self, file: BinaryIO) -> None:
        """Write the rows that are kept to `file`."""
        pq.write_table(pa.Table.from_arrays(self.columns(), schema=self.schema), file, **PARQUET)


def encoded(image: object) -> bytes:
    """`image`, if it is an encoded one; raises `TypeError` for anything else."""
    if not isinstance(image, bytes):
        raise TypeError(f"an encoded image is bytes, not {type(image).__name__}")
    return image
