"""Images in folders, a sub-folder for each class."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..base.errors import InputError
from .class_names import info_class_folders, info_class_names
from .decode import SUFFIXES
from .labelled import Labelled
from .splits import chosen_split, split_of_folder
from .walk import Walk, walk

_LG = logging.getLogger(__name__)


def is_image(path: Path) -> bool:
    """Whether a file is named as an image of a format that is read."""
    return path.suffix.lower() in SUFFIXES


def open_folder(folder: Path, walked: Walk, split: str | None = None) -> Labelled:
    """The images of `walked`, what is in `folder`, by their sub-folders, however deep they lie.

    The classes are those in `_info.json`, if that is there, else the sub-folders with images,
    sorted. A folder of splits is opened at the one that is wanted or the only one. What is ignored
    is told once. Raises `InputError` where there are several and none is wanted, for a folder
    without sub-folders, and for images in one that is not among the classes.
    """
    images = _by_folder(folder, walked.files)
    inner = _split_folder(folder, images, _folders_of_classes(folder), split)
    named = folder if inner is None or info_class_names(folder) else inner
    folders, names = _folders_of_classes(named), info_class_names(named)
    if inner is not None:
        folder, walked = inner, walk(inner)
    found = _classes_in(folder, walked, folders)
    return found if names is None else replace(found, names=names)


def _folders_of_classes(folder: Path) -> list[str] | None:
    return info_class_folders(folder) or info_class_names(folder)


def tell_ignored(ignored: Mapping[str, int], source: object) -> None:
    """Say once how much was left out, and why."""
    if ignored:
        _LG.warning("ignored in %s: %s", source, _listed(ignored))


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in sorted(counts.items()))


def _split_folder(
    folder: Path,
    images: Mapping[str, Sequence[Path]],
    classes: Sequence[str] | None,
    wanted: str | None,
) -> Path | None:
    """The sub-folder of the split to read; None where the sub-folders are no splits."""
    if classes and set(images) == {"train"}:
        # As we write folders, where a class may be called so, too.
        inner = {file.relative_to(folder).parts[1] for file in images["train"]}
        classes = None if inner <= set(classes) else classes
    splits = {name: split for name in images if (split := _split(name, classes)) is not None}
    deep = [
        name
        for name in splits
        if all(len(file.relative_to(folder).parts) > 2 for file in images[name])
    ]
    if len(splits) == len(images) and (deep or len(splits) > 1):
        chosen = chosen_split(splits.values(), wanted, folder)
        first, *others = (name for name, split in splits.items() if split == chosen)
        if others:
            raise InputError(
                f"{str(folder)!r} has the folders {first!r} and {others[0]!r}, which are both the "
                f"split {chosen!r}: give the path of one of them"
            )
        return folder / first
    if len(deep) > 1:
        raise InputError(
            f"{str(folder)!r} has the splits {deep[0]!r} and {deep[1]!r} beside other folders of "
            "images: give the path of one of them"
        )
    if wanted is not None:
        raise InputError(
            f"split {wanted!r} was asked for, but {str(folder)!r} has no folders of splits, such "
            "as 'train' and 'test': leave it out"
        )
    return None


def _split(name: str, classes: Sequence[str] | None) -> str | None:
    """The split that a folder holds; a class of that name is none."""
    return None if name in (classes or ()) else split_of_folder(name)


def _by_folder(folder: Path, files: Iterable[Path]) -> dict[str, list[Path]]:
    """The images in each sub-folder, however deep, by its name."""
    found: dict[str, list[Path]] = {}
    for file in files:
        first, *rest = file.relative_to(folder).parts
        if rest and is_image(file):
            found.setdefault(first, []).append(file)
    return found


def _classes_in(folder: Path, walked: Walk, classes: Sequence[str] | None) -> Labelled:
    images = _by_folder(folder, walked.files)
    sub_folders = [path.name for path in walked.folders if path.parent == folder]
    names = sorted(images) if classes is None else list(classes)
    for name in images:
        if name not in names:
            raise InputError(
                f"{str(folder / name)!r} holds images, and {name!r} is not among the classes in "
                f"'_info.json'; add it there, or remove the folder"
            )
    ignored = walked.ignored + _ignored_in(folder, walked.files)
    if not images:
        held = f" (it holds {_listed(ignored)})" if ignored else ""
        where = "holds no images in its sub-folders" if sub_folders else "has no sub-folders"
        raise InputError(f"{str(folder)!r} {where}{held}; it needs one per class, named after it")
    empty = [name for name in sub_folders if name not in images and name not in (classes or ())]
    if empty:
        some = ", ".join(empty[:5]) + (", ..." if empty[5:] else "")
        ignored[f"folders without images ({some})"] = len(empty)
    tell_ignored(ignored, folder)
    files = [(file, label) for label, name in enumerate(names) for file in images.get(name, ())]
    labels = np.array([label for _, label in files], np.int64)
    pictures = [(file, str(file)) for file, _ in files]
    return Labelled(names, labels, pictures, files=[file for file, _ in files])


def _ignored_in(folder: Path, files: Sequence[Path]) -> Counter[str]:
    """How many files are not used, by the reason."""
    others = [file for file in files if not is_image(file) and file.name != "_info.json"]
    kinds = ", ".join(sorted({file.suffix.lower() or file.name for file in others})[:5])
    counts = {
        f"files that are no images ({kinds})": len(others),
        "images in no sub-folder": sum(is_image(f) and f.parent == folder for f in files),
    }
    return Counter({reason: count for reason, count in counts.items() if count})
