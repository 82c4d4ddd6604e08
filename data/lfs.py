"""Pointers that Git LFS leaves where a file was not fetched."""

from __future__ import annotations

from pathlib import Path

from ..base.errors import InputError
from ..base.reading import open_regular

_BEGINNING = b"version https://git-lfs"


def refuse_pointer(path: Path) -> None:
    """Raise `InputError` where there is only a pointer (git-lfs, `docs/spec.md`) to the file."""
    with open_regular(path, "file") as file:
        is_pointer = file.read(len(_BEGINNING)) == _BEGINNING
    if is_pointer:
        raise InputError(
            f"{str(path)!r} is a pointer of Git LFS and not the file itself: run 'git lfs pull' in "
            "its folder"
        )
