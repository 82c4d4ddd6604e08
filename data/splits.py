"""Splits of a data set, such as train and test, which are never read together in silence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from ..base.errors import InputError

# The words, and where in a path they count, are those of Hugging Face datasets (`data_files.py`).
_WORDS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
_IN_PATH = re.compile(rf"(?<![^-._ 0-9/=])({'|'.join(_WORDS)})(?![^-._ 0-9/])", re.IGNORECASE)
_IN_DATA = re.compile(r"(?:^|/)data/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}[^/]*$")


def split_of_folder(name: str) -> str | None:
    """The split that a folder of this name holds: `train`, `validation` or `test`."""
    return _WORDS.get(name.lower().removeprefix("split="))


def split_of_file(path: PurePath, root: str = "") -> str | None:
    """The split that a file holds, by its path inside a data set; the last word in it counts.

    `root` is what the folder of the data set is called.
    """
    if named := _IN_DATA.search(f"{root}/{path.as_posix()}"):
        return _canonical(named[1])
    words = _IN_PATH.findall(path.as_posix())
    return _canonical(words[-1]) if words else None


def files_of_split(
    files: Sequence[Path], root: Path, wanted: str | None, source: object
) -> list[Path]:
    """Those of `files`, which are in `root`, of the split `wanted`; all if there are no splits.

    Raises `InputError` where there are several and none is wanted, and where it is absent.
    """
    splits = [split_of_file(file.relative_to(root), root.name) for file in files]
    chosen = chosen_split(splits, wanted, source)
    return [file for file, split in zip(files, splits, strict=True) if split == chosen]


def chosen_split(splits: Iterable[str | None], wanted: str | None, source: object) -> str | None:
    """The one of `splits` that is wanted, or the only one; `InputError` where there is none."""
    found = sorted(set(splits), key=lambda split: (split is None, split))
    if wanted is None:
        if len(found) == 1:
            return found[0]
        raise InputError(
            f"{str(source)!r} holds {_listed(found)}, which are not read together: choose one "
            "(--split), or name the files"
        )
    if _canonical(wanted) not in found:
        held = _listed(found) if found != [None] else "no splits"
        raise InputError(
            f"split {wanted!r} is not in {str(source)!r}, which holds {held}: choose one that is "
            "there, or leave it out"
        )
    return _canonical(wanted)


def _canonical(name: str) -> str:
    return _WORDS.get(name.lower(), name)


def _listed(splits: Sequence[str | None]) -> str:
    named = [repr(split) for split in splits if split is not None]
    more = " and files of none" if None in splits else ""
    return f"the {'split' if len(named) == 1 else 'splits'} {', '.join(named)}{more}"
