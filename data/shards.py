"""Labelled images in WebDataset shards: tar files in which a sample's files share a base name.

Read without the `webdataset` library, grouped as it groups
(https://github.com/webdataset/webdataset, `tariterators.py`): files that follow each other and have
the same path up to the first dot of the base name are one sample, and the rest, in lower case, says
what each file is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from ..base.errors import InputError
from .class_names import stored_class_names
from .decode import Encoded
from .labelled import Labelled
from .shard_index import ShardSample, index_shard

# Where nothing names the classes, a larger number is taken for a mistake.
_MOST_UNNAMED = 100_000


def find_shards(source: str | Path) -> list[Path]:
    """The shards that `source` names, in order; none if it names something else.

    `source` is a tar file, a folder that holds some, or a brace pattern such as
    `shards/{00000..00009}.tar` or `{train,extra}/0.tar`. Raises `InputError` if a pattern names a
    shard that is absent.
    """
    path = Path(source)
    if path.is_dir():
        return sorted(file for file in path.glob("*.tar") if file.name[0] != ".")
    if path.is_file():
        return [path] if path.suffix == ".tar" else []
    shards = []
    for name in _expand(str(source)) if "{" in str(source) else ():
        if not Path(name).is_file():
            raise InputError(
                f"shard {name!r} of {str(source)!r} does not exist; fetch it or correct the pattern"
            )
        shards.append(Path(name))
    return shards


def open_shards(shards: Sequence[Path]) -> Labelled:
    """The labels of `shards` at once, their images as they are asked for.

    A sample holds one image and its label: `cls`, a number or a name, or else `json`, an object
    with either under `label`. The class names stand beside the first shard, one a line in
    `classes.txt` or as the list `classes` in `_info.json`; without these they are the labels
    themselves, sorted, or "0", "1" and so on up to the largest. Raises `InputError` for a damaged
    shard, a sample without an image or label, and a label outside the classes.
    """
    samples = [sample for shard in shards for sample in index_shard(shard)]
    stored = stored_class_names(shards[0].parent)
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
    return Labelled(names, labels, _pictures(samples), is_numbered=is_numbered)


def _expand(pattern: str) -> Iterator[str]:
    """The names that a pattern stands for; `{008..011}` keeps its zeros."""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if not braces:
        yield pattern
        return
    ends = re.fullmatch(r"(\d+)\.\.(\d+)", braces[1])
    choices: Iterable[str] = braces[1].split(",")
    if ends:
        numbers = range(int(ends[1]), int(ends[2]) + 1)
        choices = (f"{number:0{len(ends[1])}}" for number in numbers)
    for choice in choices:
        yield from _expand(pattern[: braces.start()] + choice + pattern[braces.end() :])


def _names_of_labels(samples: Sequence[ShardSample]) -> list[str]:
    texts = {sample.label for sample in samples if isinstance(sample.label, str)}
    numbers = [sample for sample in samples if isinstance(sample.label, int)]
    if texts and numbers:
        raise InputError(
            f"{numbers[0]} is labelled with a number and others with names; use one of them, or "
            f"list the class names in 'classes.txt' beside the shards"
        )
    largest = max((int(sample.label) for sample in numbers), default=-1)
    return sorted(texts) or [str(i) for i in range(min(max(largest, 0) + 1, _MOST_UNNAMED))]


def _pictures(samples: Sequence[ShardSample]) -> Iterator[tuple[Encoded, str]]:
    for shard, inside in groupby(samples, lambda sample: sample.shard):
        with shard.open("rb") as file:
            for sample in inside:
                file.seek(sample.offset)
                yield file.read(sample.size), str(sample)
