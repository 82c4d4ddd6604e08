"""The files under a folder, but for what systems and tools leave there."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import InputError

_LEFT_BEHIND = {"__macosx", "@eadir", "#recycle", "$recycle.bin", "thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Walk:
    """What is under a folder, links to other folders followed."""

    files: list[Path] = field(default_factory=list)
    """Sorted."""
    folders: list[Path] = field(default_factory=list)
    """Sorted, however deep they lie."""
    ignored: Counter[str] = field(default_factory=Counter)
    """How many files and folders were left out, by the reason."""


def walk(folder: Path) -> Walk:
    """What is under `folder`, but for hidden files and folders and the like, which are counted.

    A link to a folder that it lies in is not followed. Raises `InputError` for a folder that cannot
    be read.
    """
    found = Walk()
    try:
        _collect(folder, frozenset(), found)
    except OSError as error:
        raise InputError(
            f"cannot read folder {error.filename!r} ({error.strerror}); make it readable or remove "
            "it"
        ) from error
    found.files.sort()
    found.folders.sort()
    return found


def is_left_behind(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or not of the user's making."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def _collect(folder: Path, around: frozenset[tuple[int, int]], found: Walk) -> None:
    """Add what is in `folder`, which lies in the folders `around`."""
    stat = folder.stat()
    around |= {(stat.st_dev, stat.st_ino)}
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if is_left_behind(entry.name):
                found.ignored["hidden or left by a system"] += 1
            elif _is_dir(entry):
                inside = path.stat()
                if (inside.st_dev, inside.st_ino) in around:
                    found.ignored["linking to a folder around it"] += 1
                else:
                    found.folders.append(path)
                    _collect(path, around, found)
            elif path.is_file() if entry.is_symlink() else entry.is_file():
                found.files.append(path)
            else:
                found.ignored["broken links or no files"] += 1


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False
