"""Labelled images in a Parquet file, in the layout of Hugging Face datasets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..base.errors import InputError
from .decode import Encoded
from .labelled import Labelled, check_range, numbers_as_names
from .lfs import refuse_pointer

_ROWS_AT_ONCE = 256
_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_boolean,
)
_IMAGE, _LABEL = "image", "label"


def open_parquet(path: Path, image: str | None = None, label: str | None = None) -> Labelled:
    """The file's labels at once, its images as they are asked for.

    The column `image`, by default of that name, is binary, or a struct with `bytes`. The column
    `label`, likewise, is text, or whole numbers, whose names stand in the schema's metadata, as the
    ClassLabel feature under `huggingface` or comma-separated under `class_names`, or nowhere; it
    may be absent where a folder around the file is called `label=NAME`. Raises `InputError` for
    anything else.
    """
    image, label = image or _IMAGE, label or _LABEL
    try:
        refuse_pointer(path)
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        in_path = _label_in_path(path, label) if label not in names else None
        for option, needed in (("image", image), ("label", label)):
            if needed not in names and (needed != label or in_path is None):
                raise InputError(
                    f"{str(path)!r} lacks the column {needed!r} and has {', '.join(names)}: say "
                    f"which holds the {option}s (--{option}-column)"
                )
        pictures = _pictures(file, path, image)
        if in_path is None:
            column = file.read(columns=[label]).column(0).combine_chunks()
        else:
            column = pa.array([in_path] * file.metadata.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"cannot read {str(path)!r} as Parquet ({error}); give a folder, a Parquet file "
            f"or WebDataset shards (.tar)"
        ) from error
    labels, class_names = _labels(column, file.schema_arrow.metadata or {}, label, path)
    is_numbered = class_names is None
    if class_names is None:
        class_names = numbers_as_names(labels, path)
    check_range(labels, class_names, path)
    return Labelled(class_names, labels, pictures, (), is_numbered, [path])


def has_images(path: Path, image: str | None = None) -> bool:
    """Whether there is a column `image`; a file that cannot be read is taken for one that has."""
    try:
        return (image or _IMAGE) in pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        return True


def _label_in_path(path: Path, label: str) -> str | int | None:
    """The label that a folder `label=NAME` gives to all rows, as Hive lays tables out."""
    for part in reversed(path.parts[:-1]):
        key, equals, value = part.partition("=")
        if equals and key == label:
            return int(value) if value.isascii() and value.isdigit() else unquote(value)
    return None


def _labels(
    column: pa.Array, metadata: Mapping[bytes, bytes], label: str, path: Path
) -> tuple[NDArray[np.int64], list[str] | None]:
    """Labels int64 `[N]` and the names of the classes; None where they are numbers alone."""
    if column.null_count:
        raise InputError(f"{str(path)!r} holds images without a label; remove those rows")
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_integer(kind):
        return column.to_numpy().astype(np.int64), _class_names(metadata, label) or None
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            column = column.cast(pa.large_string())
        except pa.ArrowException as error:
            raise InputError(
                f"the column {label!r} of {str(path)!r} holds bytes that are no UTF-8 text "
                f"({error}); say which holds the labels (--label-column)"
            ) from error
    elif not any(is_kind(kind) for is_kind in _TEXTS):
        raise InputError(
            f"the column {label!r} of {str(path)!r} is {kind}; a label is one text or whole number "
            "an image: say which column holds it (--label-column)"
        )
    texts = [str(value) for value in column.to_pylist()]
    if not all(text.strip() for text in texts):
        raise InputError(f"{str(path)!r} holds images with an empty label; remove those rows")
    names, labels = np.unique(texts, return_inverse=True)
    return labels.astype(np.int64), names.tolist()


def _pictures(file: pq.ParquetFile, path: Path, image: str) -> Iterator[tuple[Encoded, str]]:
    row = 0
    try:
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=[image]):
            for value in batch.column(0).to_pylist():
                encoded = value.get("bytes") if isinstance(value, dict) else value
                if not isinstance(encoded, bytes):
                    raise InputError(
                        f"row {row} of {str(path)!r} holds no image bytes; {image!r} must embed "
                        f"the encoded image, not only its path"
                    )
                yield encoded, f"{path}, row {row}"
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"cannot read row {row} of {str(path)!r} ({error})") from error


def _class_names(metadata: Mapping[bytes, bytes], label: str) -> list[str]:
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return [str(name) for name in features[label]["names"]]
    except (ValueError, KeyError, TypeError):
        listed = metadata.get(b"class_names", b"").decode(errors="replace").split(",")
        return [name.strip() for name in listed if name.strip()]
