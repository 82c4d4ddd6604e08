"""Files of prompts for each class: JSON, JSON lines, CSV or Parquet."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ...base.errors import InputError
from ...base.reading import is_file, read_bytes
from .prompt_json import json_line_rows, json_rows
from .prompt_row import MOST_CHARACTERS, PromptRow, check_columns, prompt_row


@dataclass(frozen=True)
class PromptFile:
    """The prompts of a file, in its order."""

    path: str
    rows: tuple[PromptRow, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides images, whatever the format: in hex."""
        # Of the order, only that within a class does.
        rows = sorted(self.rows, key=lambda row: row.class_name)
        content = [
            (row.class_name, row.prompt, row.weight, row.negative_prompt, row.language)
            for row in rows
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def is_prompt_file(path: Path) -> bool:
    """Whether the suffix of a path is that of a format that is read."""
    return path.suffix.lower() in (*_OF_TEXT, _PARQUET)


def read_prompt_file(path: Path) -> PromptFile:
    """Read a file of prompts, in the format that its suffix says.

    Raises `InputError` for a file that cannot be read, and for the first entry that cannot be used.
    """
    where = f"prompt file {str(path)!r}"
    if not is_prompt_file(path):
        formats = ", ".join((*_OF_TEXT, _PARQUET))
        raise InputError(f"{where} is of no known format: name it by one of {formats}")
    if not is_file(path, "prompt file"):
        raise InputError(f"{where} does not exist: check the path")
    suffix = path.suffix.lower()
    try:
        if suffix == _PARQUET:
            rows = tuple(_parquet_rows(path, where))
        else:
            rows = tuple(_OF_TEXT[suffix](_text_of(path, where), where))
    except OSError as error:
        raise InputError(f"{where} cannot be read ({error.strerror}): check its rights") from None
    if not rows:
        raise InputError(f"{where} holds no prompts: write some for every class")
    return PromptFile(str(path), rows)


def _csv_rows(text: str, where: str) -> Iterator[PromptRow]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if header:
            check_columns(header, f"{where}, line 1")
        begin = reader.line_num + 1
        for cells in reader:
            place, begin = f"{where}, line {begin}", reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                raise InputError(
                    f"{place} has {len(cells)} cells, the first line has {len(header)}: give one "
                    "for each column, and put text with commas in quotes"
                )
            fields: dict[str, object] = dict(zip(header, cells, strict=True))
            yield prompt_row({**fields, "weight": _number(fields.get("weight"))}, place)
    except csv.Error as error:
        raise InputError(
            f"{where}, line {reader.line_num} is not CSV ({error}): close its quotes, and keep "
            f"prompts under {MOST_CHARACTERS:,} characters"
        ) from None


def _number(cell: object) -> object:
    """The number in a cell, None for an empty one; the cell itself where it holds no number."""
    try:
        return float(str(cell)) if cell else None
    except ValueError:
        return cell


def _parquet_rows(path: Path, where: str) -> Iterator[PromptRow]:
    import pyarrow as pa  # not above: other formats can spare it

    from ...data.tables import open_table, rows_at_once

    number = 0
    try:
        file = open_table(path, "prompt file")
        names = file.schema_arrow.names
        check_columns(names, where)
        for batch in file.iter_batches(rows_at_once(file, names, where)):
            for fields in batch.to_pylist():
                yield prompt_row(fields, f"{where}, row {number}")
                number += 1
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{where} cannot be read as Parquet ({reason}): write it anew") from None
    except UnicodeDecodeError:
        raise InputError(f"{where}, from row {number}, is not UTF-8 text: write it anew") from None


def _text_of(path: Path, where: str) -> str:
    content = read_bytes(path, "prompt file")
    try:
        return content.decode("utf-8-sig")  # Excel begins its CSV files with a mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise InputError(
            f"{where}, line {line}: byte 0x{byte:02x} is not UTF-8 text: save the file as UTF-8"
        ) from None


_OF_TEXT: dict[str, Callable[[str, str], Iterator[PromptRow]]] = {
    ".json": json_rows,
    ".jsonl": json_line_rows,
    ".csv": _csv_rows,
}
_PARQUET = ".parquet"
