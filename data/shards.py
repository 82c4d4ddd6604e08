"""Labelled images in WebDataset shards: tar files in which a sample's files share a base name.

Read without the `webdataset` library, grouped as it groups
(https://github.com/webdataset/webdataset, `tariterators.py`): files that follow each other and have
the same path up to the first dot of the base name are one sample, and the rest, in lower case, says
what each file is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from ..base.errors import InputError
from .class_names import stored_class_names
from .decode import Encoded
from .labelled import MOST_UNNAMED, Labelled, joined
from .shard_index import ShardSample, index_shard
from .tar_files import TarFile


def open_shards(
    shards: Sequence[Path],
    root: Path | None = None,
    image: str | None = None,
    label: str | None = None,
) -> Labelled:
    """The labels of `shards` at once, their images as they are asked for.

    A sample holds one image and its label: `cls`, a number or a name, or else `json`, an object
    with either under `label`; `image` and `label` name another file of the sample, by its suffix,
    or another key of the object. The class names stand beside the shard, or in a folder above up to
    `root`, or else beside the first shard: one a line in `classes.txt` or as the list `classes` in
    `_info.json`; without these they are the labels themselves, sorted, or "0", "1" and so on up to
    the largest. Raises `InputError` for a damaged shard, a sample without an image or label, and a
    label outside the classes.
    """
    first = _names_beside(shards[0].parent, root)
    folders = groupby(shards, lambda shard: shard.parent)
    return joined(
        [
            _open(
                [sample for shard in own for sample in index_shard(shard, image, label)],
                _names_beside(folder, root) or first,
            )
            for folder, own in folders
        ]
    )


def _names_beside(folder: Path, root: Path | None) -> list[str] | None:
    names = stored_class_names(folder)
    if names is None and root is not None and folder != root:
        return _names_beside(folder.parent, root)
    return names


def _open(samples: Sequence[ShardSample], stored: list[str] | None) -> Labelled:
    names = stored or _names_of_labels(samples)
    index = {name: i for i, name in enumerate(names)}
    labels = np.empty(len(samples), np.int64)
    for i, sample in enumerate(samples):
        label = sample.label if isinstance(sample.label, int) else index.get(sample.label, -1)
        if not 0 <= label < len(names):
            raise InputError(
                f"{sample} has label {sample.label!r}, which is not one of the "
                f"{len(names)} classes ({names[0]!r} to {names[-1]!r}); correct it, or the class "
                "names beside the shards"
            )
        labels[i] = label
    is_numbered = stored is None and isinstance(samples[0].label, int) if samples else False
    return Labelled(
        names,
        labels,
        _pictures(samples),
        (),
        is_numbered,
        list(dict.fromkeys(sample.shard for sample in samples)),
    )


def _names_of_labels(samples: Sequence[ShardSample]) -> list[str]:
    texts = {sample.label for sample in samples if isinstance(sample.label, str)}
    numbers = [sample for sample in samples if isinstance(sample.label, int)]
    if texts and numbers:
        raise InputError(
            f"{numbers[0]} is labelled with a number and others with names; use one of them, or "
            f"list the class names in 'classes.txt' beside the shards"
        )
    largest = max((int(sample.label) for sample in numbers), default=-1)
    return sorted(texts) or [str(i) for i in range(min(max(largest, 0) + 1, MOST_UNNAMED))]


def _pictures(samples: Sequence[ShardSample]) -> Iterator[tuple[Encoded, str]]:
    for shard, inside in groupby(samples, lambda sample: sample.shard):
        with TarFile(shard) as file:
            for sample in inside:
                file.seek(sample.offset)
                yield file.read(sample.size), str(sample)
