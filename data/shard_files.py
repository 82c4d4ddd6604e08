"""Files of a shard that is being written: on the disk when they are finished, gone when not."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_BUFFER = 2**20


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
            file.flush()
            os.fsync(file.fileno())
            file.close()
        sync(self._folder)
        return [Path(name) for name in self._open]

    def abandon(self) -> None:
        """Close and remove all files."""
        for name, file in self._open.items():
            with suppress(OSError, ValueError):  # a full disk, as likely as not the reason
                file.close()
            (self._folder / name).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Bring a file's content, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_many(folder: Path, inside: Iterable[Path]) -> None:
    """Bring `folder` and the files and folders `inside` to the disk.

    By one call for the whole file system where there is one (Linux): waiting for thousands of small
    files one by one takes longer than writing them.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs is not None:
            if syncfs(descriptor):
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error), str(folder))
            return
        for path in inside:
            sync(path)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
