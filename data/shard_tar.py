"""One WebDataset shard: a tar file of samples, and a Parquet file of their metadata."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from numpy.typing import NDArray
from webdataset import TarWriter

from .shard_files import PendingFiles
from .shard_rows import Row, Rows, encoded

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class TarShard:
    """`STEM.tar` with image, `cls`, `txt` and `json` of each sample; `STEM.parquet` with the rows.

    Samples are keyed by their index in nine digits. Time, owner and mode of the members are set, so
    that the same samples give the same bytes.
    """

    def __init__(
        self, folder: Path, stem: str, schema: pa.Schema, count: int, image_format: str
    ) -> None:
        self._files = PendingFiles(folder)
        self._suffix = image_format
        self._rows, self._keys = Rows(schema, count), list[str]()
        tar, self._metadata = (
            self._files.open(f"{stem}.{suffix}") for suffix in ("tar", "parquet")
        )
        # What TarWriter would open itself takes ten times as long for a member as `_Members`.
        self._tar = TarWriter(io.BytesIO(), "", "", 0o644, encoder=False, mtime=0)
        self._tar.tarstream = _Members(tar)

    def write(self, image: bytes | NDArray[Any], row: Row) -> None:
        """Add a sample."""
        file, key = encoded(image), f"{row['index']:09d}"
        values = self._rows.add(row)
        self._keys.append(key)
        self._tar.write(
            {
                "__key__": key,
                self._suffix: file,
                "cls": b"%d" % row["label"],
                "txt": row["prompt"].encode(),
                "json": _json(dict(zip(self._rows.names, values, strict=True))).encode(),
            }
        )

    def close(self) -> list[Path]:
        """Finish both files; their names."""
        self._rows.check_complete()
        self._tar.close()
        self._rows.write(self._metadata, "key", self._keys)
        return self._files.finish()

    def abandon(self) -> None:
        """Remove what was written."""
        self._files.abandon()


class _Members:
    """Writes members to a tar file, all of one mode, owner and time, as `tarfile` would.

    Only name, size and checksum differ between their headers.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._written = 0
        self._between, self._after, self._sum = b"", b"", 0

    def addfile(self, member: tarfile.TarInfo, stream: io.BytesIO) -> None:
        content = stream.getvalue()
        if not self._after:
            self._learn(member)
        name = member.name.encode("ascii")
        size = b"%011o\0" % member.size
        if len(name) > 100 or len(size) > 12:
            raise ValueError(f"{member.name!r} with {member.size} bytes does not fit a tar header")
        checksum = self._sum + sum(name) + sum(size)
        header = b"%b%b%b" % (name.ljust(100, b"\0"), self._between, size)
        padding = bytes(-member.size % tarfile.BLOCKSIZE)
        block = b"".join((header, self._time, b"%06o\0 " % checksum, self._after, content, padding))
        self._file.write(block)
        self._written += len(block)

    def _learn(self, member: tarfile.TarInfo) -> None:
        """Take from a header of `tarfile`'s what all have in common (ustar: pax(1), POSIX.1)."""
        header = member.tobuf(tarfile.USTAR_FORMAT)
        self._between, self._time, self._after = header[100:124], header[136:148], header[156:]
        # A checksum counts itself as eight spaces.
        self._sum = sum(self._between) + sum(self._time) + sum(self._after) + 8 * ord(" ")

    def close(self) -> None:
        end = 2 * tarfile.BLOCKSIZE
        self._file.write(bytes(end + -(self._written + end) % tarfile.RECORDSIZE))
