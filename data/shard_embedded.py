"""One Parquet file with its images inside, as the Hugging Face hub shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .shard_files import PendingFiles
from .shard_rows import PARQUET, Row, Rows, encoded

# Of a row group: readers, and the hub's viewer, take one at a time, and this is held in memory.
_MOST_ROWS = 1000
_MOST_BYTES = 2**25

_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class EmbeddedShard:
    """`STEM.parquet`: `image` (bytes and a name), `label`, and the other columns of the rows."""

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
        self._suffix = image_format
        self._rows = Rows(schema, count)
        others = [field for field in schema if field.name != "label"]
        fields = [pa.field("image", _IMAGE), schema.field("label"), *others]
        self._schema = pa.schema(fields, {"huggingface": _features(others, classes)})
        names = [field.name for field in fields[1:]]
        self._parquet = pq.ParquetWriter(
            self._files.open(f"{stem}.parquet"),
            self._schema,
            use_dictionary=names,
            write_statistics=names,
            **PARQUET,
        )
        self._images: list[bytes] = []
        self._paths: list[str] = []
        self._bytes = 0

    def write(self, image: bytes | NDArray[Any], row: Row) -> None:
        """Add a sample."""
        file = encoded(image)
        self._rows.add(row)
        self._images.append(file)
        self._paths.append(f"{row['index']:09d}.{self._suffix}")
        self._bytes += len(file)
        if len(self._images) >= _MOST_ROWS or self._bytes >= _MOST_BYTES:
            self._write_group()

    def close(self) -> list[Path]:
        """Finish the file; its name."""
        self._rows.check_complete()
        if self._images:
            self._write_group()
        self._parquet.close()
        return self._files.finish()

    def abandon(self) -> None:
        """Remove what was written."""
        with suppress(OSError, ValueError):  # a full disk, as likely as not the reason
            self._parquet.close()
        self._files.abandon()

    def _write_group(self) -> None:
        bytes_and_paths = [pa.array(self._images, pa.binary()), pa.array(self._paths, pa.string())]
        image = pa.StructArray.from_arrays(bytes_and_paths, fields=list(_IMAGE))
        columns = self._rows.columns()
        label = columns.pop(self._rows.label)
        table = pa.Table.from_arrays([image, label, *columns], schema=self._schema)
        self._parquet.write_table(table, row_group_size=len(table))
        self._rows.forget()
        self._images.clear()
        self._paths.clear()
        self._bytes = 0


def _features(others: Sequence[pa.Field], classes: Sequence[str]) -> str:
    """What the `datasets` library knows the columns by."""
    features: dict[str, Any] = {
        "image": {"_type": "Image"},
        "label": {"names": list(classes), "_type": "ClassLabel"},
    }
    features |= {field.name: _feature(field.type) for field in others}
    return json.dumps({"info": {"features": features}})


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        # `Sequence`, because versions before 4 know no `List`, and later ones know both.
        return {"feature": _feature(kind.value_type), "_type": "Sequence"}
    names = {"double": "float64", "float": "float32", "halffloat": "float16"}
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}
