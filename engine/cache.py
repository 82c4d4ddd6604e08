"""What is costly to build, kept on disk and found again by what it was built from.

Below the root, `entries/<kind>/<digest of the key>/` is an entry, `partial/<digest>/` the one being
built and `locks/<digest>.lock` what its builder holds. Lock files are empty and stay: removing one
would let two processes hold it.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from ..base.cache_root import default_cache_root
from ..base.errors import InputError
from ..base.ownership import close_to_others
from .cache_entry import RECORD, CacheKey, Entry, flush, read_entry, seal

_log = logging.getLogger(__name__)

_DIGEST = "[0-9a-f]" * 32


class Cache:
    """Folders of files by `CacheKey`, shared by all processes that use the same root.

    An entry appears whole or not at all, and every byte of it is checked each time it is found
    (SHA-256, about a second a gigabyte). One that is damaged, was made for another key, or can have
    been written by another user, is built again with one line of warning.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root.expanduser() if root else default_cache_root()).resolve()

    def find(self, key: CacheKey) -> Path | None:
        """The folder of the entry of `key`, or None where there is no good one."""
        folder = self._folder(key)
        problem = _problem(folder)
        if problem is None:
            return folder
        if os.path.lexists(folder):
            _log.warning("cached %s of %s is to be built again: %s", key.kind, key.name, problem)
        return None

    def get(
        self,
        key: CacheKey,
        build: Callable[[Path], None],
        serves: Callable[[Path], bool] = lambda folder: True,
    ) -> Path:
        """The folder of the entry of `key`; `build` fills an empty folder if there is no good one.

        An entry for which `serves` is false is built again, and stays until then. Of several
        processes that want the same entry one builds it and the others wait. If `build` raises,
        nothing of it remains. Raises `InputError` where the cache cannot be written.
        """
        folder = self._folder(key)
        if _problem(folder) is None and serves(folder):
            return folder  # without the lock: a cache that may only be read serves
        with self._explained(), self._lock(folder.name):
            if self.find(key) is None or not serves(folder):  # no other process built it meanwhile
                self._build(key, folder, build)
        return folder

    def remove(self, key: CacheKey) -> None:
        """Remove the entry of `key`, if there is one, once nobody is building it."""
        folder = self._folder(key)
        if os.path.lexists(folder):
            with self._explained(), self._lock(folder.name):
                self._discard(folder)

    def entries(self) -> list[Entry]:
        """All entries, with the problems that their records alone show."""
        return [read_entry(folder, check_files=False) for folder in self._entry_folders()]

    def verify(self) -> list[Entry]:
        """All entries, every byte of them checked."""
        return [read_entry(folder, check_files=True) for folder in self._entry_folders()]

    def trust(self, other: Path) -> list[Entry]:
        """Take over the entries of the cache in `other`, which may be this one, and tell of them.

        To be called for a cache whose writer may run code here: what an entry holds is native code.
        Copies those that are whole, as files of this user. Raises `InputError` where `other` has no
        entries.
        """
        folders = Cache(other)._entry_folders()
        if not folders:
            raise InputError(
                f"{str(other)!r} has no cache entries: give a cache's folder, which has a folder "
                "'entries'"
            )
        taken = []
        for theirs in folders:
            entry = read_entry(theirs, check_files=True, foreign=True)
            folder = self.root / "entries" / theirs.parent.name / theirs.name
            if entry.problem is None and read_entry(folder, check_files=True).problem is not None:
                with self._explained(), self._lock(folder.name):
                    self._take_over(theirs, folder)
                entry = replace(read_entry(folder, check_files=True), used=entry.used)
            taken.append(entry)
        return taken

    def prune(self, unused_for: timedelta | None = None, everything: bool = False) -> list[Entry]:
        """Remove damaged entries and what killed builders left, and tell what was removed.

        Goes on to good entries that were not found for `unused_for`, or to `everything`. Spares
        what another process is building.
        """
        removed = []
        leftovers = (self.root / "partial").glob(_DIGEST)
        for folder in (*sorted(leftovers), *self._entry_folders()):
            with self._explained(), suppress(Timeout), self._lock(folder.name).acquire(timeout=0):
                if not os.path.lexists(folder):
                    continue  # its builder finished meanwhile
                entry = read_entry(folder, check_files=not everything)
                if folder.parent == self.root / "partial":
                    entry = replace(entry, problem="its build was killed")
                if everything or entry.problem is not None or _unused(entry, unused_for):
                    self._discard(folder)
                    removed.append(entry)
        return removed

    def _folder(self, key: CacheKey) -> Path:
        return self.root / "entries" / key.kind / key.digest

    def _entry_folders(self) -> list[Path]:
        return sorted((self.root / "entries").glob(f"*/{_DIGEST}"))

    def _lock(self, digest: str) -> FileLock:
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{digest}.lock")

    def _discard(self, folder: Path) -> None:
        """Remove an entry and what a killed builder of it left; the lock must be held.

        The entry is moved away first: killed here, this leaves no half of it in its place.
        """
        partial = self.root / "partial" / folder.name
        partial.parent.mkdir(exist_ok=True)
        _remove(partial)
        if os.path.lexists(folder):
            folder.rename(partial)
            _remove(partial)

    def _build(self, key: CacheKey, folder: Path, build: Callable[[Path], None]) -> None:
        """Build an entry in the place of the one that is there; the lock must be held."""
        partial = self.root / "partial" / folder.name
        partial.parent.mkdir(exist_ok=True)
        _remove(partial)  # of a builder that was killed
        try:
            partial.mkdir()
            build(partial)
            seal(partial, key)
            self._place(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _take_over(self, theirs: Path, folder: Path) -> None:
        """Put a copy of another cache's entry in the place of ours; the lock must be held."""
        partial = self.root / "partial" / folder.name
        partial.parent.mkdir(exist_ok=True)
        _remove(partial)
        try:
            shutil.copytree(theirs, partial, copy_function=shutil.copyfile)
            for path in (*partial.rglob("*"), partial):
                close_to_others(path)
                flush(path)
            self._place(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _place(self, partial: Path, folder: Path) -> None:
        _remove(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(folder)
        flush(folder.parent)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn a full disk, or a cache that cannot be written, into an `InputError`."""
        try:
            yield
        except OSError as error:
            remedy = self._remedy(error)
            if remedy is None:
                raise
            message = f"the cache {self.root} cannot be written ({error.strerror}): {remedy}"
            raise InputError(message) from error

    def _remedy(self, error: OSError) -> str | None:
        """What helps against `error`; None for one that is not about this cache."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "free space with 'zeroreal cache prune' or set ZEROREAL_CACHE to another disk"
        place = Path(str(error.filename))
        ours = place.is_relative_to(self.root) or self.root.is_relative_to(place)
        if ours and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            return "set ZEROREAL_CACHE to a folder that can be written"
        return None


def _problem(folder: Path) -> str | None:
    """Why the entry cannot be used; one that can is marked as used now."""
    problem = read_entry(folder, check_files=True).problem
    if problem is None:
        with suppress(OSError):
            os.utime(folder / RECORD)
    return problem


def _unused(entry: Entry, time: timedelta | None) -> bool:
    """Whether a good entry was not found for `time`; never without a time."""
    return time is not None and entry.used is not None and datetime.now(UTC) - entry.used >= time


def _remove(path: Path) -> None:
    """Remove a folder, or whatever else lies in its place, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
