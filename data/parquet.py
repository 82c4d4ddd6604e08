"""Labelled images in a Parquet file, in the layout of Hugging Face datasets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..base.errors import InputError
from .decode import Encoded
from .labelled import Labelled, check_range

_ROWS_AT_ONCE = 256


def open_parquet(path: Path) -> Labelled:
    """The file's labels at once, its images as they are asked for.

    `image` is binary, or a struct with `bytes`. `label` is text, or an integer whose names stand in
    the schema's metadata: as the ClassLabel feature under `huggingface`, or comma-separated under
    `class_names`. Raises `InputError` for anything else.
    """
    try:
        file = pq.ParquetFile(path)
        missing = {"image", "label"} - set(file.schema_arrow.names)
        if missing:
            raise InputError(
                f"{str(path)!r} lacks the column {min(missing)!r}; it needs 'image' and 'label', "
                f"and this has {', '.join(file.schema_arrow.names)}"
            )
        column = file.read(columns=["label"]).column(0)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"cannot read {str(path)!r} as Parquet ({error}); give a folder, a Parquet file "
            f"or WebDataset shards (.tar)"
        ) from error
    if column.null_count:
        raise InputError(f"{str(path)!r} holds images without a label; remove those rows")
    pictures = _pictures(file, path)
    if not pa.types.is_integer(column.type):
        names, labels = np.unique([str(v) for v in column.to_pylist()], return_inverse=True)
        return Labelled(names.tolist(), labels, pictures)
    class_names = _class_names(file.schema_arrow.metadata or {})
    if not class_names:
        raise InputError(
            f"the labels of {str(path)!r} are numbers without names; store the names as text, or "
            f"comma-separated under 'class_names' in the schema's metadata"
        )
    labels = column.to_numpy().astype(np.int64)
    check_range(labels, class_names, path)
    return Labelled(class_names, labels, pictures)


def has_images(path: Path) -> bool:
    """Whether there is a column `image`; a file that cannot be read is taken for one that has."""
    try:
        return "image" in pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        return True


def _pictures(file: pq.ParquetFile, path: Path) -> Iterator[tuple[Encoded, str]]:
    row = 0
    try:
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=["image"]):
            for image in batch.column(0).to_pylist():
                encoded = image.get("bytes") if isinstance(image, dict) else image
                if not isinstance(encoded, bytes):
                    raise InputError(
                        f"row {row} of {str(path)!r} holds no image bytes; 'image' must embed the "
                        f"encoded image, not only its path"
                    )
                yield encoded, f"{path}, row {row}"
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"cannot read row {row} of {str(path)!r} ({error})") from error


def _class_names(metadata: Mapping[bytes, bytes]) -> list[str]:
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return [str(name) for name in features["label"]["names"]]
    except (ValueError, KeyError, TypeError):
        listed = metadata.get(b"class_names", b"").decode(errors="replace").split(",")
        return [name.strip() for name in listed if name.strip()]
