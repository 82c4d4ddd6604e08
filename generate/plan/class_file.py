"""Class entries from a file: CSV, JSON, YAML, or one a line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ...base.errors import InputError
from ...base.printable import short
from ...base.reading import parse_json, read_text
from ...base.yaml_files import parse_yaml

_LINES = ("", ".txt", ".list", ".lst", ".names", ".labels", ".classes")
_COLUMNS = ("name", "prompt")
_HEADERS = {"name", "prompt", "class", "label", "id", "index"}


def read_class_file(path: Path) -> tuple[str, ...]:
    """The entries of a class file, each `name` or `name: prompt`.

    `.csv` has the columns `name` and perhaps `prompt`, `.json` a list of names or an object of
    prompts by name, `.yaml` a list of names; `.txt` has an entry a line, and `#` begins a comment.
    Raises `InputError` for anything else.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise InputError(
            f"class file {str(path)!r} is of no kind that is read: give .txt with a name a line, "
            ".csv, .json or .yaml"
        )
    try:
        # With or without the mark that Windows puts first.
        text = read_text(path, "class file", "utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"class file {str(path)!r} is not UTF-8 text: save it as UTF-8") from None
    except OSError as error:
        raise InputError(
            f"class file {str(path)!r} cannot be read ({error.strerror}): make it readable"
        ) from None
    try:
        return tuple(read(text, f"class file {str(path)!r}"))
    except _UnusableError as error:
        raise InputError(f"class file {str(path)!r} {error}") from None


class _UnusableError(Exception):
    """What is wrong with a class file, and what would be right."""


def _lines(text: str, _: str) -> Iterator[str]:
    if text.lstrip()[:1] in ("[", "{", "<"):
        raise _UnusableError("does not hold a name a line: call it .json or .yaml if it is that")
    # Not `splitlines`, which splits names at rarer characters, too.
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    cells = [cell.strip().lower() for cell in re.split("[,;\t]", lines[0] if lines else "")]
    if len(cells) > 1 and set(cells) <= _HEADERS:
        raise _UnusableError(f"begins with the columns {lines[0]!r}: call it .csv if it is that")
    return (line for line in lines if not line.lstrip().startswith("#"))


def _csv(text: str, _: str) -> Iterator[str]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        if sorted(header) not in (["name"], sorted(_COLUMNS)):
            raise _UnusableError(
                f"has the columns {', '.join(map(repr, header)) or 'of an empty file'}: the first "
                "line should be 'name' or 'name,prompt'"
            )
        for row in rows:
            if row and len(row) != len(header):
                raise _UnusableError(
                    f"has {len(row)} values in line {rows.line_num}, and {len(header)} columns: "
                    "put values with commas in quotes"
                )
            if row:
                values = dict(zip(header, row, strict=True))
                yield _entry(values["name"], values.get("prompt"))
    except csv.Error as error:
        raise _UnusableError(f"is not CSV (line {rows.line_num}: {error})") from None


def _json(text: str, where: str) -> Iterator[str]:
    try:
        # Pairs, because names that come twice would be one.
        content = parse_json(text, where, tuple)
    except InputError:
        raise
    except ValueError as error:
        raise _UnusableError(f"is not JSON ({error})") from None
    if isinstance(content, list):
        return _names(content, "put it in quotes")
    if not isinstance(content, tuple):
        raise _UnusableError(
            f"holds {short(content)}: a list of names or an object of prompts by name was expected"
        )
    if content and all(name.isdecimal() for name, _ in content):
        raise _UnusableError(
            "has numbers for names, which may be labels: give a list of the names in their order"
        )
    return (_entry(name, prompt) for name, prompt in content)


def _yaml(text: str, where: str) -> Iterator[str]:
    try:
        content = parse_yaml(text, where)
    except InputError:
        raise
    except ValueError as error:
        raise _UnusableError(f"is not YAML ({error})") from None
    if not isinstance(content, list):
        raise _UnusableError("holds no list: write each name on a line of its own, '- name'")
    return _names(content, "put it in quotes")


def _names(items: Iterable[Any], remedy: str) -> Iterator[str]:
    for item in items:
        if not isinstance(item, str):
            shown = "an object" if isinstance(item, tuple) else short(item)
            raise _UnusableError(f"has {shown} where a name was expected: {remedy}")
        yield _entry(item)


def _entry(name: str, prompt: object = None) -> str:
    """A class as it stands in lists; in those, the first colon ends the name."""
    if ":" in name:
        raise _UnusableError(f"has the name {name!r}, which may not hold a colon: leave it out")
    if prompt is not None and not isinstance(prompt, str):
        raise _UnusableError(f"has {short(prompt)} for the prompt of {name!r}: a text was expected")
    return f"{name}: {prompt}" if prompt and prompt.strip() else name


_READERS: dict[str, Callable[[str, str], Iterable[str]]] = {
    **dict.fromkeys(_LINES, _lines),
    ".csv": _csv,
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _yaml,
}
CLASS_FILES = tuple(suffix for suffix in _READERS if suffix)
"""Suffixes of class files."""
