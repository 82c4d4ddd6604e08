"""The samples of a shard: where each image lies, and its label."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ..base.errors import InputError
from ..base.limits import ROWS, TEXT_BYTES
from ..base.reading import parse_json
from .decode import SUFFIXES
from .foreign import refuse_foreign
from .tar_files import DAMAGED, TarFile, read_member

_LABEL, _FIELDS = "cls", "json"
_MOST_FILES = 1000
"""Of a sample. Data sets have a handful."""


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


def index_shard(
    shard: Path, image: str | None = None, label: str | None = None
) -> list[ShardSample]:
    """The samples of a shard in one pass, which skips over the images.

    `image` is the suffix of the image's file, `label` that of the label's or its key in `json`; by
    default what `open_shards` says.
    """
    samples: list[ShardSample] = []
    where = f"shard {str(shard)!r}"
    try:
        refuse_foreign(shard, is_shard=True)
        with TarFile(shard) as file:
            for key, members in groupby(_members(file), lambda member: member[0]):
                samples.append(_sample(file, shard, key, members, (image, label)))
                ROWS.check(len(samples), where, or_more=True)
            file.check_end()
    except InputError:
        raise
    except DAMAGED as error:
        place = f"after sample {samples[-1].key!r}" if samples else "from the start"
        raise InputError(
            f"shard {str(shard)!r} is cut short or damaged {place} ({error}); fetch or write it "
            f"again, as a tar file"
        ) from error
    return samples


def _members(file: TarFile) -> Iterator[tuple[str, str, tarfile.TarInfo]]:
    """Sample key and suffix of each file; hidden files and those without a suffix are left out."""
    for member in file.members():
        stem, dot, suffix = member.name.rpartition("/")[2].partition(".")
        if member.isreg() and stem and dot:
            yield member.name[: -len(dot + suffix)], suffix.lower(), member


def _sample(
    file: TarFile,
    shard: Path,
    key: str,
    members: Iterator[tuple[str, str, tarfile.TarInfo]],
    wanted: tuple[str | None, str | None],
) -> ShardSample:
    where = f"sample {key!r} of {str(shard)!r}"
    files: dict[str, tarfile.TarInfo] = {}
    texts: dict[str, bytes] = {}
    image, wanted_label = wanted
    own = (wanted_label or _LABEL).lower()
    for _, suffix, member in members:
        if suffix in files:
            raise InputError(f"{where} holds two files {suffix!r}; give each sample its own name")
        files[suffix] = member
        if suffix == own or (suffix == _FIELDS and own not in texts):
            TEXT_BYTES.check(member.size, where)
            texts[suffix] = read_member(file, member)  # now, without going back
        if len(files) > _MOST_FILES:
            raise InputError(f"{where} has more than {_MOST_FILES} files; pack it as a data set is")
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
    label = _label(texts, wanted_label, where)
    if label is None:
        raise InputError(
            f"{where} has no label; it needs {key}.{wanted_label or _LABEL} with a number or a "
            f"name, or {key}.json with one under {wanted_label or 'label'!r} (--label-column)"
        )
    return ShardSample(shard, key, label, images[0].offset_data, images[0].size)


def _label(texts: Mapping[str, bytes], wanted: str | None, where: str) -> int | str | None:
    """The label of a sample, or `None` if there is none that can be read."""
    try:
        own = (wanted or _LABEL).lower()
        if own in texts:
            text = texts[own].decode().strip()
            return int(text) if re.fullmatch(r"-?\d+", text) else text or None
        label = parse_json(texts[_FIELDS].decode(), where)[wanted or "label"]
    except InputError:
        raise
    except (KeyError, TypeError, ValueError):
        return None
    return label if type(label) is int or (isinstance(label, str) and label) else None
