"""The files that a text names: one, several, or all that fit a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from glob import glob, has_magic
from pathlib import Path

from ..base.errors import InputError
from ..base.reading import is_file
from .walk import is_left_behind

SHARD_SUFFIXES = (".tar", ".tar.gz", ".tgz")


def is_shard(path: Path) -> bool:
    """Whether a file is named as a tar file, compressed or not."""
    return path.name.lower().endswith(SHARD_SUFFIXES)


def named_files(source: str) -> list[Path]:
    """The files that `source` names, in order; none where it is no pattern and there is no file.

    `a.tar::b.tar` names two, `{00000..00009}.tar` and `{a,b}.tar` each one that they stand for, and
    what `*.tar` or `**/*.tar` fits come sorted. Raises `InputError` for one that is absent.
    """
    if is_file(Path(source), "source"):
        return [Path(source)]
    files: list[Path] = []
    for name in (name for part in source.split("::") for name in _expand(part)):
        if is_file(Path(name), "source"):
            files.append(Path(name))
        elif has_magic(name):
            fitting = (Path(file) for file in sorted(glob(name, recursive=True)))
            files += (file for file in fitting if file.is_file() and not _is_hidden(file))
        elif name != source:
            raise InputError(
                f"{name!r} of {source!r} is no file; fetch it or correct the name or pattern"
            )
    return files


def has_pattern(source: str) -> bool:
    """Whether `source` has a wildcard, so that nobody named each file."""
    return has_magic(source) and not Path(source).is_file()


def _is_hidden(file: Path) -> bool:
    return is_left_behind(file.name)


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
