"""A store in any place that `fsspec` reaches."""

from __future__ import annotations

import filecmp
import hashlib
import logging
import threading
from pathlib import Path, PurePosixPath
from typing import Any

from .remote_files import RemoteFiles
from .retries import Patience
from .scratch import Scratch, full_disk_named
from .store import PENDING

_log = logging.getLogger(__name__)

# Held while a name is looked up and taken where a store cannot do both at once: so the threads of
# one process, at least, are one after the other.
_TAKING = threading.Lock()


class RemoteStore:
    """Files of an fsspec file system, seen from a folder of it.

    Workers write shards into a local temporary folder. `create` makes a name in one request that
    fails where the name is taken, on the stores that have such a one; on others it looks first and
    takes the name then, which a warning says once: two workers that do so at the same instant both
    succeed, and the later file stays. Names are never taken by what a listing says, which may lag.

    A file that `create` finds under its name may be its own: an earlier try succeeded and the
    answer was lost. So one that equals ours, byte for byte, counts as ours. Another worker's file
    may equal it, too, as images follow from their index. Then both workers publish what lies beside
    it, the later record stays, and both describe that same file.

    Args:
        url: what the user named.
        system: the file system.
        root: the folder's path in it.
        patience: how often what may pass is tried again.
    """

    def __init__(self, url: str, system: Any, root: str, patience: Patience | None = None) -> None:
        self._files = RemoteFiles(url, system, root, patience or Patience())
        self._scratch = Scratch(url)
        facts = self._files.facts
        self._takes_at_once: bool | None = None if facts.in_doubt else facts.exclusive

    @property
    def url(self) -> str:
        """What the user named."""
        return self._files.url

    def names(self, folder: str = "") -> list[str]:
        """See `Store`."""
        return self._files.entries(folder, "file")

    def folders(self, folder: str = "") -> list[str]:
        """See `Store`."""
        return self._files.entries(folder, "directory")

    def exists(self, name: str) -> bool:
        """See `Store`."""
        return self._files.exists(name)

    def size(self, name: str) -> int:
        """See `Store`."""
        return self._files.size(name)

    def read(self, name: str) -> bytes:
        """See `Store`."""
        return self._files.read(name)

    def write(self, name: str, content: bytes) -> None:
        """See `Store`."""
        self._files.write(name, content)

    def local(self, name: str, folder: Path) -> Path:
        """See `Store`."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        path = folder / f"{digest}-{PurePosixPath(name).name}"
        with full_disk_named(folder):
            self._files.get(name, path)
        return path

    def scratch(self, token: str) -> Path:
        """See `Store`."""
        return self._scratch.folder(token)

    def stage(self, token: str, name: str) -> None:
        """See `Store`."""
        self._files.upload(self.scratch(token) / name, _pending(token, name))

    def create(self, token: str, source: str, name: str) -> bool:
        """See `Store`, and the class for what counts as True."""
        written = self.scratch(token) / source
        if self._takes_at_once is None:
            self._takes_at_once = self._probed(token)
        if self._takes_at_once:
            created = self._files.create(written, name)
        else:
            created = self._look_and_create(token, written, name)
        created = created or self._is_ours(written, name)
        if created:
            written.unlink()
        return created

    def publish(self, token: str, name: str) -> None:
        """See `Store`."""
        written = self._scratch.path(token) / name
        try:
            self._files.move(_pending(token, name), name)
        except FileNotFoundError:
            if not written.exists():
                raise
            # Another took this worker for dead and removed what it had staged.
            self._files.upload(written, name)
        written.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """See `Store`."""
        folder, _, token = name.partition("/")
        if folder == PENDING and token and "/" not in token:
            self._scratch.remove(token)
        self._files.remove(name)

    def _look_and_create(self, token: str, written: Path, name: str) -> bool:
        if not self._files.facts.in_process:
            _warn_once(self.url)
        if self.exists(name):
            return False
        self._files.upload(written, _pending(token, name))
        with _TAKING:
            if self.exists(name):
                return False
            try:
                self._files.move(_pending(token, name), name)
            except FileNotFoundError:  # moved by a try whose answer was lost, or removed by others
                return False
        return True

    def _is_ours(self, written: Path, name: str) -> bool:
        """Whether the file of a name is there and equals one that was to be put there."""
        try:
            if self.size(name) != written.stat().st_size:
                return False
            there = self.local(name, written.parent)
        except FileNotFoundError:
            return False
        try:
            return filecmp.cmp(there, written, shallow=False)
        finally:
            there.unlink()

    def _probed(self, token: str) -> bool:
        """Whether the server, which is one of many makes, refuses to create what is there."""
        name = _pending(token, "probe")
        self.write(name, b"there")
        try:
            return not self._files.create(b"again", name)
        finally:
            self._files.remove(name)


def _pending(token: str, name: str) -> str:
    return f"{PENDING}/{token}/{name}"


_warned: set[str] = set()


def _warn_once(url: str) -> None:
    if url in _warned:
        return
    _warned.add(url)
    _log.warning(
        "%s: this place cannot create a file only where there is none, so that two workers at once "
        "may make the same shard; `zeroreal verify` finds files that differ",
        url,
    )
