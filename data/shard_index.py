"""The samples of a shard: where each image lies, and its label."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ..base.errors import InputError
from .decode import SUFFIXES


@dataclass(frozen=True)
class ShardSample:
    """A sample that is in a shard, its image not yet read."""

    shard: Path
    key: str
    label: int | str
    offset: int
    """Where the encoded image starts in the shard, in bytes."""
    size: int

    def __str__(self) -> str:
        return f"sample {self.key!r} of {str(self.shard)!r}"


def index_shard(shard: Path) -> list[ShardSample]:
    """The samples of a shard in one pass, which skips over the images."""
    samples: list[ShardSample] = []
    try:
        with shard.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for key, members in groupby(_members(tar), lambda member: member[0]):
                samples.append(_sample(tar, shard, key, members))
            # `tarfile` takes a damaged header for the end, so the mark of the end must be there.
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("no end-of-archive mark")
    except (tarfile.TarError, OSError) as error:
        place = f"after sample {samples[-1].key!r}" if samples else "from the start"
        raise InputError(
            f"shard {str(shard)!r} is cut short or damaged {place} ({error}); fetch or write it "
            f"again, as an uncompressed tar file"
        ) from error
    return samples


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, str, tarfile.TarInfo]]:
    """Sample key and suffix of each file; hidden files and those without a suffix are left out."""
    for member in tar:
        stem, dot, suffix = member.name.rpartition("/")[2].partition(".")
        if member.isreg() and stem and dot:
            yield member.name[: -len(dot + suffix)], suffix.lower(), member


def _sample(
    tar: tarfile.TarFile,
    shard: Path,
    key: str,
    members: Iterator[tuple[str, str, tarfile.TarInfo]],
) -> ShardSample:
    where = f"sample {key!r} of {str(shard)!r}"
    files: dict[str, tarfile.TarInfo] = {}
    for _, suffix, member in members:
        if suffix in files:
            raise InputError(f"{where} holds two files {suffix!r}; give each sample its own name")
        files[suffix] = member
    images = [member for suffix, member in files.items() if f".{suffix}" in SUFFIXES]
    if len(images) != 1:
        raise InputError(f"{where} has {len(images)} images; it needs one, such as {key}.jpg")
    label = _label(tar, files)
    if label is None:
        raise InputError(
            f"{where} has no label; it needs {key}.cls with a number or a name, or {key}.json with "
            f"one under 'label'"
        )
    return ShardSample(shard, key, label, images[0].offset_data, images[0].size)


def _label(tar: tarfile.TarFile, files: Mapping[str, tarfile.TarInfo]) -> int | str | None:
    """The label of a sample, or `None` if there is none that can be read."""
    try:
        if "cls" in files:
            text = _read(tar, files["cls"]).decode().strip()
            return int(text) if re.fullmatch(r"-?\d+", text) else text or None
        label = json.loads(_read(tar, files["json"]))["label"]
    except (KeyError, TypeError, ValueError):
        return None
    return label if type(label) is int or (isinstance(label, str) and label) else None


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file else b""
