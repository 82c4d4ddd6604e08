"""The samples of a shard: where each image lies, and its label."""

from __future__ import annotations

import gzip
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, cast

from ..base.errors import InputError
from .decode import SUFFIXES
from .lfs import refuse_pointer


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


def open_tar(shard: Path) -> BinaryIO:
    """The content of a tar file, compressed by gzip or not. To go back in it then costs time."""
    if shard.suffix.lower() in (".gz", ".tgz"):
        return cast(BinaryIO, gzip.open(shard))
    return shard.open("rb")


def index_shard(
    shard: Path, image: str | None = None, label: str | None = None
) -> list[ShardSample]:
    """The samples of a shard in one pass, which skips over the images.

    `image` is the suffix of the image's file, `label` that of the label's or its key in `json`; by
    default what `open_shards` says.
    """
    samples: list[ShardSample] = []
    try:
        refuse_pointer(shard)
        with open_tar(shard) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for key, members in groupby(_members(tar), lambda member: member[0]):
                samples.append(_sample(tar, shard, key, members, (image, label)))
            # `tarfile` takes a damaged header for the end, so the mark of the end must be there.
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("no end-of-archive mark")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        place = f"after sample {samples[-1].key!r}" if samples else "from the start"
        raise InputError(
            f"shard {str(shard)!r} is cut short or damaged {place} ({error}); fetch or write it "
            f"again, as a tar file"
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
    wanted: tuple[str | None, str | None],
) -> ShardSample:
    where = f"sample {key!r} of {str(shard)!r}"
    files: dict[str, tarfile.TarInfo] = {}
    for _, suffix, member in members:
        if suffix in files:
            raise InputError(f"{where} holds two files {suffix!r}; give each sample its own name")
        files[suffix] = member
    image, wanted_label = wanted
    images = [
        member
        for suffix, member in files.items()
        if (f".{suffix}" in SUFFIXES if image is None else suffix == image.lower())
    ]
    if len(images) != 1:
        raise InputError(
            f"{where} has {len(images)} images; it needs one, such as {key}.{image or 'jpg'}: of "
            "several, --image-column chooses one by its suffix"
        )
    label = _label(tar, files, wanted_label)
    if label is None:
        own = wanted_label or "cls"
        raise InputError(
            f"{where} has no label; it needs {key}.{own} with a number or a name, or {key}.json "
            f"with one under {wanted_label or 'label'!r} (--label-column)"
        )
    return ShardSample(shard, key, label, images[0].offset_data, images[0].size)


def _label(
    tar: tarfile.TarFile, files: Mapping[str, tarfile.TarInfo], wanted: str | None
) -> int | str | None:
    """The label of a sample, or `None` if there is none that can be read."""
    try:
        own = (wanted or "cls").lower()
        if own in files:
            text = _read(tar, files[own]).decode().strip()
            return int(text) if re.fullmatch(r"-?\d+", text) else text or None
        label = json.loads(_read(tar, files["json"]))[wanted or "label"]
    except (KeyError, TypeError, ValueError):
        return None
    return label if type(label) is int or (isinstance(label, str) and label) else None


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file else b""
