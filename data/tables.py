"""Opening Parquet files that somebody else may have written: no more than the limits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..base.errors import InputError
from ..base.limits import ROWS, UNPACKED_BYTES
from ..base.reading import check_regular

UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What `pyarrow` raises for a damaged file; the last for names and texts that are none."""
_MOST_AT_ONCE = 256


def open_table(path: Path, what: str) -> pq.ParquetFile:
    """The file, of which only the end was read.

    Raises `InputError`, which calls it `what`, for a pipe or device and for too many rows, and what
    `pyarrow` raises for what is no Parquet.
    """
    check_regular(path, what)
    file = pq.ParquetFile(path)
    ROWS.check(file.metadata.num_rows, f"{what} {str(path)!r}")
    return file


def check_columns(file: pq.ParquetFile, columns: Iterable[str], where: str) -> None:
    """Raise `LimitError`, which begins with `where`, if these take too much once unpacked."""
    UNPACKED_BYTES.check(sum(_group_bytes(file, columns)), where)


def rows_at_once(file: pq.ParquetFile, columns: Iterable[str], where: str) -> int:
    """How many rows to read of these columns so that what they unpack to stays in the limit.

    A dictionary lets each row repeat the largest value. Raises `LimitError`, which begins with
    `where`, for a group of rows that takes too much by itself.
    """
    largest = max(_group_bytes(file, columns), default=0)
    UNPACKED_BYTES.check(largest, where)
    return max(1, min(_MOST_AT_ONCE, UNPACKED_BYTES.most // max(1, largest)))


def read_texts(path: Path, file: pq.ParquetFile, column: str) -> pa.ChunkedArray:
    """A whole column of the file at `path`, texts as a dictionary, so that no row repeats one.

    Raises what `check_columns` does.
    """
    check_columns(file, [column], f"column {column!r} of {str(path)!r}")
    kind = file.schema_arrow.field(column).type
    if not (pa.types.is_string(kind) or pa.types.is_binary(kind)):
        return file.read(columns=[column]).column(0)
    with pq.ParquetFile(path, read_dictionary=[column]) as again:
        return again.read(columns=[column]).column(0)


def _group_bytes(file: pq.ParquetFile, columns: Iterable[str]) -> list[int]:
    """What the columns say that they unpack to, for each group of rows."""
    wanted, found = set(columns), []
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        parts = (group.column(place) for place in range(group.num_columns))
        sizes = [
            part.total_uncompressed_size
            for part in parts
            if part.path_in_schema.partition(".")[0] in wanted
        ]
        if min(sizes, default=0) < 0:
            raise InputError("a column of it has a size below zero: write it anew")
        found.append(sum(sizes))
    return found
