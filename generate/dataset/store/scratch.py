"""Local folders of the workers of a remote store, for what is not uploaded yet."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ....base.errors import InputError


class Scratch:
    """Folders below the system's temporary one, named by a URL and a token.

    Each is locked by its process as long as that lives, so that others find those of the dead and
    remove them.
    """

    def __init__(self, url: str) -> None:
        self._prefix = f"zeroreal-{hashlib.sha256(url.encode()).hexdigest()[:12]}-"
        self._locks: dict[str, int] = {}

    def folder(self, token: str) -> Path:
        """The folder of a token, made where it is not there."""
        path = self.path(token)
        if token not in self._locks:
            self._remove_dead()
            # Locked before the folder is there: a folder whose lock is free is a dead one's.
            number = _locked(_lock(path))
            if number is None:
                raise InputError(
                    f"temporary folder {str(path)!r} is in use by another process: end that one, "
                    "or set TMPDIR to another folder"
                )
            self._locks[token] = number
        with full_disk_named(path):
            path.mkdir(exist_ok=True)
        return path

    def remove(self, token: str) -> None:
        """Remove the folder of a token, if it is there and no other process uses it."""
        path = self.path(token)
        number = self._locks.pop(token, None)
        if number is None and path.exists():
            number = _locked(_lock(path))
        if number is not None:
            _remove(path, number)

    def path(self, token: str) -> Path:
        """Where the folder of a token is, or would be."""
        return Path(tempfile.gettempdir()) / (self._prefix + token)

    def _remove_dead(self) -> None:
        own = {self.path(token) for token in self._locks}
        for path in Path(tempfile.gettempdir()).glob(f"{self._prefix}*"):
            if path not in own and path.suffix != _LOCK and path.is_dir():
                with suppress(PermissionError):  # another user's
                    if (number := _locked(_lock(path))) is not None:
                        _remove(path, number)


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Inside, a full disk is an `InputError` that says which, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise full_disk(path.parent) from error


def full_disk(folder: Path) -> InputError:
    """What to say where the disk of the temporary folder is full."""
    return InputError(
        f"temporary folder {str(folder)!r} is full: free space there, or set TMPDIR to a folder "
        "with more, and give the same command again; finished shards stay"
    )


_LOCK = ".lock"


def _lock(path: Path) -> Path:
    return path.with_name(path.name + _LOCK)


def _locked(lock: Path) -> int | None:
    """The number of a file that is locked by this process from now on; None if another has it."""
    while True:
        number = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(number)
            return None
        try:
            if os.path.samestat(os.stat(lock), os.fstat(number)):
                return number
        except FileNotFoundError:
            pass  # who had it removed it meanwhile: that lock is nobody's
        os.close(number)


def _remove(path: Path, number: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    _lock(path).unlink(missing_ok=True)
    os.close(number)
