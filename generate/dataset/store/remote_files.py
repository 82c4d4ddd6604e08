"""Files of an fsspec file system: fresh, whole, and tried again where that may help."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from ....base.errors import InputError
from ....base.limits import MEMBER_BYTES
from .protocols import facts_of
from .retries import Patience, http_status

_T = TypeVar("_T")


class RemoteFiles:
    """Files by name, seen from a folder.

    Errors that stay are `InputError`, but for `FileNotFoundError` and `FileExistsError` of a name.

    Args:
        url: what the user named.
        system: the file system.
        root: the folder's path in it.
        patience: how often what may pass is tried again.
    """

    def __init__(self, url: str, system: Any, root: str, patience: Patience) -> None:
        self.url, self.system, self.root = url, system, root.rstrip("/")
        self.facts = facts_of(system)
        self._patience = patience

    def tried(self, what: str, action: Callable[[], _T]) -> _T:
        """What `action` gives, in the end."""
        return self._patience.tried(what, self.url, action)

    def written(self, name: str, action: Callable[[], _T]) -> _T:
        """What `action` gives, which writes a file: where its place is not there, that is said."""
        try:
            return self.tried(f"writing {name!r}", action)
        except FileNotFoundError as error:
            raise InputError(
                f"{self.url!r} cannot be written, as its bucket or repository is not there: make "
                "that first, or correct the name"
            ) from error

    def entries(self, folder: str, *types: str) -> list[str]:
        """The names of what lies directly in a folder: of `file`, of `directory`, or both."""
        path = self._path(folder)

        def ask() -> list[dict[str, Any]]:
            self.system.invalidate_cache()
            return list(self.system.ls(path, detail=True))

        try:
            found = self.tried(f"listing {folder or 'its files'}", ask)
        except (FileNotFoundError, NotADirectoryError):
            return []
        # Object stores may list a folder's own, empty object among its files.
        own = self.system._strip_protocol(path)
        names = [str(one["name"]).rstrip("/") for one in found if one["type"] in types]
        return [name.rpartition("/")[2] for name in names if name != own]

    def size(self, name: str) -> int:
        """Bytes in a file."""

        def ask() -> int:
            self.system.invalidate_cache()
            found = self.system.info(self._path(name))
            if found["type"] == "directory":
                raise FileNotFoundError(name)
            return int(found["size"])

        return self.tried(f"asking for {name!r}", ask)

    def exists(self, name: str) -> bool:
        """Whether a file is there. (Those of fsspec take any error for a no.)"""
        try:
            self.size(name)
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str) -> bytes:
        """The content of a file."""
        MEMBER_BYTES.check(self.size(name), f"file {name!r} in {self.url!r}")
        path = self._path(name)
        return self.tried(f"reading {name!r}", lambda: bytes(self.system.cat_file(path)))

    def get(self, name: str, path: Path) -> None:
        """Download a file, which is there whole or not at all."""
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            self.tried(
                f"reading {name!r}",
                lambda: self.system.get_file(self._path(name), str(partial)),
            )
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Write a file; one of the same name is replaced."""
        self._put(name, lambda path: self.system.pipe_file(path, content))

    def upload(self, source: Path, name: str) -> None:
        """Upload a local file; one of the same name is replaced."""
        _must_exist(source)
        self._put(name, lambda path: self.system.put_file(str(source), path))

    def create(self, source: Path | bytes, name: str) -> bool:
        """Put a file in place in one request, unless one is there: then False."""
        path = self._path(name)
        if isinstance(source, Path):
            _must_exist(source)
            args: tuple[Any, ...] = (str(source), path)
            put = self.system.put_file
        else:
            put, args = self.system.pipe_file, (path, source)
        try:
            self.written(name, lambda: _exclusively(put, *args))
        except FileExistsError:
            return False
        return True

    def move(self, source: str, name: str) -> None:
        """Put an uploaded file in place; one of the same name is replaced."""
        old, new = self._path(source), self._path(name)

        def move() -> None:
            self.system.invalidate_cache()
            if not self.facts.copies:
                self.system.makedirs(new.rpartition("/")[0], exist_ok=True)
            self._rename(old, new)

        self.tried(f"moving {name!r} into place", move)

    def remove(self, name: str) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""

        def remove() -> None:
            self.system.invalidate_cache()
            self.system.rm(self._path(name), recursive=True)

        for _ in range(3):  # one that removes the same at once makes it end half-way
            try:
                return self.tried(f"removing {name!r}", remove)
            except FileNotFoundError:
                if not self.exists(name) and not self.entries(name, "file", "directory"):
                    return

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root

    def _put(self, name: str, send: Callable[[str], object]) -> None:
        """Have `send` write a file to a path, by way of another where it might be seen half."""
        path = self._path(name)
        if self.facts.whole:
            self.written(name, lambda: send(path))
            return
        folder, _, last = path.rpartition("/")
        partial = f"{folder}/.{last}.{secrets.token_hex(4)}.part"

        def put() -> None:
            self.system.makedirs(folder, exist_ok=True)
            send(partial)
            try:
                self._rename(partial, path)
            except FileNotFoundError as error:  # else a sign that the bucket is not there
                raise BlockingIOError(errno.EAGAIN, "others removed it meanwhile") from error

        try:
            self.written(name, put)
        except BaseException:
            with suppress(Exception):
                self.system.rm_file(partial)
            raise

    def _rename(self, old: str, new: str) -> None:
        if self.facts.copies:
            self.system.cp_file(old, new)
            with suppress(FileNotFoundError):
                self.system.rm_file(old)
            return
        try:
            self.system.mv(old, new)
        except FileExistsError:  # of those that replace nothing
            self.system.rm_file(new)
            self.system.mv(old, new)


def _must_exist(path: Path) -> None:
    """Apart from what the store answers, as that says something else of the same name."""
    if not path.exists():
        raise FileNotFoundError(str(path))


def _exclusively(put: Callable[..., object], *args: Any) -> None:
    """Put a file unless one is there: then `FileExistsError`."""
    try:
        put(*args, mode="create")
    except OSError as error:
        # Servers that do not name the condition that failed: s3fs expects Amazon's answer.
        if http_status(error) == 412:
            raise FileExistsError(str(error)) from error
        raise
