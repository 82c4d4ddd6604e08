"""Where a dataset lies: a folder, or any place that `fsspec` reaches, as what committing needs."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from ....base.errors import InputError
from ....base.files import write_atomically
from ....base.limits import MEMBER_BYTES
from ....base.reading import read_bytes

PENDING = ".pending"
"""The folder of what is not committed: `.pending/<token of a worker>/`."""


class Store(Protocol):
    """Files by name, `/` between folders. What is listed under a name is always whole.

    A worker writes the files of a shard into `scratch(token)`, then has them put in place:
    `stage`, then `create` for the one that commits the shard, then `publish` for the others.
    """

    @property
    def url(self) -> str:
        """What the user named."""
        ...

    def names(self, folder: str = "") -> list[str]:
        """The names of the files directly in a folder, in any order; none if it is not there."""
        ...

    def folders(self, folder: str = "") -> list[str]:
        """The names of the folders directly in a folder."""
        ...

    def exists(self, name: str) -> bool:
        """Whether a file is there."""
        ...

    def size(self, name: str) -> int:
        """Bytes in a file; `FileNotFoundError` where there is none."""
        ...

    def read(self, name: str) -> bytes:
        """The content of a file that is no shard; `FileNotFoundError` where there is none.

        `LimitError` for one that takes more memory than any of ours.
        """
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all; one of the same name is replaced."""
        ...

    def local(self, name: str, folder: Path) -> Path:
        """A path at which a file can be read: its own, or that of a copy made in `folder`."""
        ...

    def scratch(self, token: str) -> Path:
        """A local folder in which the worker of that token writes; made where it is not there."""
        ...

    def stage(self, token: str, name: str) -> None:
        """Put a file of the worker's folder where others can finish its commit: see `publish`."""
        ...

    def create(self, token: str, source: str, name: str) -> bool:
        """Put `source`, of the worker's folder, in place as `name`; False if that is there already.

        Of any number of workers that do this at once, one gets True.
        """
        ...

    def publish(self, token: str, name: str) -> None:
        """Put a staged file in place; one of the same name is replaced."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""
        ...


class LocalStore:
    """A folder of a file system that has hard links, or is used by one machine alone."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self.root)

    def names(self, folder: str = "") -> list[str]:
        """See `Store`."""
        return self._entries(folder, is_folder=False)

    def folders(self, folder: str = "") -> list[str]:
        """See `Store`."""
        return self._entries(folder, is_folder=True)

    def exists(self, name: str) -> bool:
        """See `Store`."""
        return (self.root / name).is_file()

    def size(self, name: str) -> int:
        """See `Store`."""
        return (self.root / name).stat().st_size

    def read(self, name: str) -> bytes:
        """See `Store`."""
        return read_bytes(self.root / name, "file", MEMBER_BYTES)

    def write(self, name: str, content: bytes) -> None:
        """See `Store`."""
        path = self.root / name
        with self._named_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                write_atomically(path, content)
            except FileNotFoundError:
                # Another that began just now took the temporary file for a dead worker's.
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, content)

    def local(self, name: str, folder: Path) -> Path:
        """See `Store`."""
        return self.root / name

    def scratch(self, token: str) -> Path:
        """See `Store`."""
        folder = self.root / PENDING / token
        with self._named_errors(full=False):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def stage(self, token: str, name: str) -> None:
        """See `Store`: it lies where it belongs already."""

    def create(self, token: str, source: str, name: str) -> bool:
        """See `Store`."""
        written, target = self.root / PENDING / token / source, self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(written, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if target.exists():
                return False
            written.replace(target)
        else:
            written.unlink()
        _sync_folder(target.parent)
        return True

    def publish(self, token: str, name: str) -> None:
        """See `Store`."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.root / PENDING / token / name).replace(target)
        _sync_folder(target.parent)

    def remove(self, name: str) -> None:
        """See `Store`."""
        path = self.root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(NotADirectoryError):
                path.unlink(missing_ok=True)

    def _entries(self, folder: str, is_folder: bool) -> list[str]:
        try:
            with os.scandir(self.root / folder) as entries:
                return [one.name for one in entries if one.is_dir() == is_folder]
        except (FileNotFoundError, NotADirectoryError):
            return []

    @contextmanager
    def _named_errors(self, full: bool = True) -> Iterator[None]:
        """Inside, what the system refuses for good is an `InputError` that names the folder.

        Without `full`, a full disk is not: a worker says that with a figure.
        """
        try:
            yield
        except OSError as error:
            if full and error.errno in _FULL:
                raise InputError(
                    f"output folder {self.url!r} is full: free space and give the same command "
                    "again; finished shards stay"
                ) from None
            if error.errno not in _LASTING:
                raise
            raise InputError(
                f"output folder {self.url!r} cannot be written ({error.strerror}): choose another, "
                "or change its permissions"
            ) from None


# What no other try will change: a folder that is read-only, or none.
_LASTING = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
_FULL = (errno.ENOSPC, errno.EDQUOT)
# What file systems without hard links answer: FAT, some network file systems.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
