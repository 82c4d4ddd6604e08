"""SHA-256 digests of files and of what identifies a cache entry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .reading import open_regular


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with open_regular(path, "file") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_once(path: Path) -> str:
    """A file's digest, computed once in a process unless the file changes: models are large."""
    state = path.stat()
    return _computed(path.resolve(), state.st_size, state.st_mtime_ns)


@cache
def _computed(path: Path, size: int, changed: int) -> str:
    return file_digest(path)


def key_digest(key: Mapping[str, Any]) -> str:
    """SHA-256 of `key` as JSON with sorted names and no spaces, in hex.

    Raises `TypeError` or `ValueError` for values that JSON cannot hold.
    """
    text = json.dumps(dict(key), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
