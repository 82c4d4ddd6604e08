"""Labelled images in a Parquet file, in the layout of Hugging Face datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..base.errors import InputError
from ..base.reading import check_regular, parse_json
from .decode import Encoded
from .foreign import refuse_foreign
from .labelled import Labelled, check_range, numbers_as_names
from .tables import UNREADABLE, open_table, read_texts, rows_at_once

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
        refuse_foreign(path)
        file = open_table(path, "Parquet file")
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
            column = read_texts(path, file, label).combine_chunks()
        else:
            column = pa.array([in_path] * file.metadata.num_rows)
    except UNREADABLE as error:
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
        check_regular(path, "Parquet file")
        return (image or _IMAGE) in pq.read_schema(path).names
    except UNREADABLE:
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
    is_dictionary = pa.types.is_dictionary(column.type)
    kind = column.type.value_type if is_dictionary else column.type
    if pa.types.is_integer(kind):
        column = column.dictionary_decode() if is_dictionary else column
        return column.to_numpy().astype(np.int64), _class_names(metadata, label) or None
    is_binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if not is_binary and not any(is_kind(kind) for is_kind in _TEXTS):
        raise InputError(
            f"the column {label!r} of {str(path)!r} is {kind}; a label is one text or whole number "
            "an image: say which column holds it (--label-column)"
        )
    if pa.types.is_string_view(kind):
        column = column.cast(pa.large_string())
    column = column if is_dictionary else column.dictionary_encode()
    known = column.dictionary
    if is_binary:
        try:
            known = known.cast(pa.large_string())
        except UNREADABLE as error:
            raise InputError(
                f"the column {label!r} of {str(path)!r} holds bytes that are no UTF-8 text "
                f"({error}); say which holds the labels (--label-column)"
            ) from error
    used, positions = np.unique(column.indices.to_numpy(), return_inverse=True)
    texts = [str(value) for value in known.take(pa.array(used)).to_pylist()]
    if not all(text.strip() for text in texts):
        raise InputError(f"{str(path)!r} holds images with an empty label; remove those rows")
    names = sorted(set(texts))
    place = {name: number for number, name in enumerate(names)}
    labels = np.array([place[text] for text in texts], np.int64)[positions]
    return labels, names


def _pictures(file: pq.ParquetFile, path: Path, image: str) -> Iterator[tuple[Encoded, str]]:
    row = 0
    try:
        at_once = rows_at_once(file, [image], f"column {image!r} of {str(path)!r}")
        for batch in file.iter_batches(at_once, columns=[image]):
            for cell in batch.column(0):
                value = cell.as_py()
                encoded = value.get("bytes") if isinstance(value, dict) else value
                if not isinstance(encoded, bytes):
                    encoded = InputError(
                        f"row {row} of {str(path)!r} holds no image bytes; {image!r} must embed "
                        f"the encoded image, not only its path"
                    )
                yield encoded, f"{path}, row {row}"
                row += 1
    except UNREADABLE as error:
        raise InputError(f"cannot read row {row} of {str(path)!r} ({error})") from error


def _class_names(metadata: Mapping[bytes, bytes], label: str) -> list[str]:
    try:
        text = metadata.get(b"huggingface", b"{}").decode()
        features = parse_json(text, "the metadata of the Parquet file")["info"]["features"]
        return [str(name) for name in features[label]["names"]]
    except InputError:
        raise
    except (ValueError, KeyError, TypeError):
        listed = metadata.get(b"class_names", b"").decode(errors="replace").split(",")
        return [name.strip() for name in listed if name.strip()]
