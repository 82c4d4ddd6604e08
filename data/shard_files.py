"""Files of a shard that is being written: on the disk when they are finished, gone when not."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

# Larger writes pass it by, smaller ones are gathered: both faster than with more or less.
_BUFFER = 2**16
_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE of <linux/falloc.h>


class PendingFiles:
    """A few files under `folder`, none of which may exist before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, BinaryIO] = {}

    def open(self, name: str) -> BinaryIO:
        """The new file `name`, to be written. Raises `FileExistsError` where it is there."""
        file = (self._folder / name).open("xb", buffering=_BUFFER)
        self._open[name] = file
        return file

    def finish(self) -> list[Path]:
        """Bring all files to the disk and close them; their names, in the order of opening."""
        for file in self._open.values():
            file.close()
        names = [Path(name) for name in self._open]
        sync_all(self._folder, [self._folder / name for name in names])
        return names

    def abandon(self) -> None:
        """Close and remove all files."""
        for name, file in self._open.items():
            with suppress(OSError, ValueError):  # a full disk, as likely as not the reason
                file.close()
            (self._folder / name).unlink(missing_ok=True)


def reserve(file: BinaryIO, size: int) -> None:
    """Have the file system keep `size` bytes for `file`, whose length stays as it is.

    It then need not find room for one write after the other. Nothing where it cannot (not Linux).
    """
    fallocate = getattr(ctypes.CDLL(None), "fallocate", None)
    if fallocate is not None:
        fallocate(file.fileno(), _KEEP_SIZE, ctypes.c_int64(0), ctypes.c_int64(size))


def sync_all(folder: Path, inside: Iterable[Path]) -> None:
    """Bring `folder` and the files and folders `inside` to the disk.

    By one call for the whole file system where there is one (Linux): waiting for files one by one
    takes longer, and for thousands of small ones longer than writing them.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        for path in (*inside, folder):
            _with_descriptor(path, os.fsync)
    elif _with_descriptor(folder, syncfs):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(folder))


def _with_descriptor(path: Path, act: Callable[[int], Any]) -> Any:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return act(descriptor)
    finally:
        os.close(descriptor)
