"""Reading files that somebody else may have written: no more than the limits, and no pipes.

Every other module that reads such a file goes through here, `yaml_files` or `tensor_files`; a test
holds that (`tests/test_reading.py`).
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import Any, Protocol

from .errors import InputError
from .limits import NESTING, TEXT_BYTES, VALUES, Limit

_CHUNK = 2**20
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_NOT_REGULAR = "is {} and not a file: save what it gives to a file, and give that"
# JSON's texts, the last of which may lack its end. Every quote begins a match, so that this is
# linear in what is searched.
_JSON_TEXT = re.compile(r'"[^"\\]*(?:\\(?:.|\Z)[^"\\]*)*(?:"|\Z)', re.DOTALL)
_BRACKET = re.compile(r"[][{}]")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def check_regular(path: Path, what: str) -> None:
    """Raise `InputError` for a pipe, device, socket or folder, which may never end or have effects.

    `what` says in the sentence what it should be. `OSError` is raised for what is not there.
    """
    _check_mode(path.stat().st_mode, f"{what} {str(path)!r}")


def is_file(path: Path, what: str) -> bool:
    """Whether a file lies there; False for a folder or nothing, and what `check_regular` raises."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # the latter for a name with a null character
        return False
    if not stat.S_ISDIR(mode):
        _check_mode(mode, f"{what} {str(path)!r}")
    return stat.S_ISREG(mode)


def open_regular(path: Path, what: str) -> BufferedReader:
    """Open a file to read its bytes; raises what `check_regular` does, and never waits."""
    check_regular(path, what)
    # It may be another by now, and opening a pipe waits for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_mode(os.fstat(file.fileno()).st_mode, f"{what} {str(path)!r}")
    except InputError:
        file.close()
        raise
    return file


def read_bytes(path: Path, what: str, limit: Limit = TEXT_BYTES) -> bytes:
    """All of a file, if `limit` allows it; raises what `open_regular` does, and `LimitError`."""
    where = f"{what} {str(path)!r}"
    parts: list[bytes] = []
    with open_regular(path, what) as file:
        size = os.fstat(file.fileno()).st_size
        limit.check(size, where)
        size = 0
        while part := file.read(_CHUNK):  # it may have grown
            size += len(part)
            limit.check(size, where, or_more=True)
            parts.append(part)
    return b"".join(parts)


def read_at_most(file: _Readable, size: int) -> bytes:
    """The next `size` bytes of a file, or all there are; memory is taken for no more than these."""
    parts: list[bytes] = []
    while size and (part := file.read(min(size, _CHUNK))):
        size -= len(part)
        parts.append(part)
    return b"".join(parts)


def read_text(path: Path, what: str, encoding: str = "utf-8", errors: str = "strict") -> str:
    """The text of a file; raises what `read_bytes` does, and `UnicodeDecodeError`."""
    return read_bytes(path, what).decode(encoding, errors)


def load_json(
    path: Path,
    what: str,
    remedy: str,
    pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """The content of a JSON file; `pairs` as of `parse_json`.

    Raises `InputError`, which calls the file `what` and ends in `remedy`, where it cannot be read
    or is not JSON, and `LimitError`.
    """
    where = f"{what} {str(path)!r}"
    try:
        return parse_json(read_text(path, what), where, pairs)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{where} cannot be read ({error.strerror}): {remedy}") from None
    except ValueError as error:
        raise InputError(f"{where} is not valid JSON ({error}): {remedy}") from None


def parse_json(
    text: str,
    where: str,
    pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
    values: Limit = VALUES,
) -> Any:
    """The content of a JSON text; `pairs` makes something else than a dict of an object's fields.

    Raises `LimitError`, which begins with `where`, before anything is made of the text, and
    `ValueError` where it is not JSON.
    """
    _check_size(text, where, values)
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except RecursionError:
        raise ValueError("it is nested deeper than Python reads") from None


def _check_size(text: str, where: str, values: Limit) -> None:
    """Raise `LimitError` where a JSON text is nested too deeply or has too many values."""
    outside = _JSON_TEXT.sub("", text)
    values.check(sum(map(outside.count, ",[{")), where)
    if outside.count("[") + outside.count("{") <= NESTING.most:
        return
    depth, most = 0, NESTING.most
    for bracket in _BRACKET.finditer(outside):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > most:
            NESTING.check(depth, where, or_more=True)


def _check_mode(mode: int, where: str) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "special")
        raise InputError(f"{where} {_NOT_REGULAR.format(kind)}")
