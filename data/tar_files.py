"""Reading tar files that somebody else may have written: no more than the limits."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..base.errors import InputError
from ..base.limits import MEMBER_BYTES, UNPACKED_BYTES
from ..base.reading import open_regular

# What `tarfile` raises for damaged archives, checks of its own not everywhere being there.
DAMAGED = (
    tarfile.TarError,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    OverflowError,
    zlib.error,
)


class TarFile:
    """The content of a tar file, compressed by gzip or not. To go back in it then costs time.

    What is read at once is checked before: `tarfile` reads as much as a header declares. Raises
    `InputError` for a pipe or device, and `LimitError` for what is over the limits.
    """

    def __init__(self, path: Path) -> None:
        self._where = f"shard {str(path)!r}"
        self._file: Any = open_regular(path, "shard")
        self._packed = self._file if path.suffix.lower() in (".gz", ".tgz") else None
        if self._packed is not None:
            self._file = gzip.GzipFile(fileobj=self._packed)
        self._end = 0

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, which cannot be all."""
        if size < 0:
            raise tarfile.ReadError("a size is below zero")
        MEMBER_BYTES.check(size, self._where)
        content: bytes = self._file.read(size)
        if self._packed is not None:
            UNPACKED_BYTES.check(self._file.tell(), self._where, or_more=True)
        return content

    def seek(self, place: int) -> int:
        """Go to a place, in bytes; a compressed file is unpacked up to there."""
        if self._packed is not None:
            UNPACKED_BYTES.check(place, self._where)
        found: int = self._file.seek(place)
        return found

    def tell(self) -> int:
        """Where it is, in bytes."""
        place: int = self._file.tell()
        return place

    def members(self) -> Iterator[tarfile.TarInfo]:
        """The members in order, each checked before anything of it is read.

        Raises one of `DAMAGED` for an archive that is not whole, and `InputError` for a member that
        is over the limits or sparse.
        """
        with tarfile.open(fileobj=self, mode="r:") as tar:  # type: ignore[call-overload]
            while (member := tar.next()) is not None:
                tar.members.clear()  # else it keeps them all
                _check(member, self._where)
                yield member
            self._end = tar.offset

    def check_end(self) -> None:
        """Raise `tarfile.ReadError` unless what comes after the members is the mark of the end.

        `tarfile` takes a damaged header for the end, too.
        """
        self.seek(self._end)
        if self.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("no end-of-archive mark")

    def __enter__(self) -> TarFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        if self._packed is not None:
            self._packed.close()


def _check(member: tarfile.TarInfo, where: str) -> None:
    if member.size < 0:
        raise tarfile.ReadError("a size is below zero")
    if member.issparse():
        raise InputError(
            f"{where} holds {member.name!r} as a sparse file, which declares {member.size:,} bytes "
            "that are not there: pack it anew, without sparse files"
        )
    if member.isreg():
        MEMBER_BYTES.check(member.size, f"{member.name!r} of {where}")


def read_member(file: TarFile, member: tarfile.TarInfo) -> bytes:
    """What a member holds; quick before the next one is asked for."""
    file.seek(member.offset_data)
    return file.read(member.size)
