"""Writing files so that a killed process never leaves one that looks whole and isn't."""

from __future__ import annotations

import io
import os
import secrets
from pathlib import Path

# Nothing that lies there is written to, be it another's file or a link that leads elsewhere.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write `content` under a temporary name beside `path`, flush it to disk and rename it.

    An `OSError`, such as that of a full disk, names `path`.
    """
    temporary = _temporary(path)
    try:
        file = _create(temporary)
        try:
            with file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def check_writable(folder: Path) -> None:
    """Raise `OSError` unless files can be made in `folder`, which need not exist yet.

    Where it does not, its nearest folder that does is tried. Permissions tell too little of network
    and read-only file systems.
    """
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    temporary = _temporary(folder / "writable")
    try:
        _create(temporary).close()
        temporary.unlink()
    except OSError as error:
        error.filename = str(folder)
        raise


def remove_half_written(folder: Path) -> None:
    """Remove what processes that were killed had begun to write into `folder`."""
    for temporary in folder.glob(".*.tmp"):
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    # Containers that share a folder may have the same process numbers.
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def _create(path: Path) -> io.BufferedWriter:
    return os.fdopen(os.open(path, _NEW, 0o666), "wb")
