"""Class names that stand beside images: `classes.txt`, a name a line, or `_info.json`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..base.errors import InputError
from ..base.reading import parse_json, read_text

_LISTED, _INFO = "classes.txt", "_info.json"


def stored_class_names(folder: Path) -> list[str] | None:
    """The names of the classes in the order of their labels, or `None` if none stand there."""
    return _names(folder / _LISTED, _lines) or info_class_names(folder)


def info_class_names(folder: Path) -> list[str] | None:
    """What `stored_class_names` gives, by `_info.json` alone."""
    return _names(folder / _INFO, _classes)


def info_class_folders(folder: Path) -> list[str] | None:
    """The names of the classes' folders, by `_info.json`, where they are not those of the classes.

    As many as there are classes, in the same order.
    """
    folders = _names(folder / _INFO, lambda text: _info(text).get("folders"))
    if folders is not None and len(folders) != len(info_class_names(folder) or ()):
        raise InputError(
            f"{str(folder / _INFO)!r} has {len(folders)} folders, and not one for each class"
        )
    return folders


def _names(path: Path, read: Callable[[str], object]) -> list[str] | None:
    if not path.is_file():
        return None
    try:
        names = read(read_text(path, "file", "utf-8-sig"))
    except InputError:
        raise
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"cannot read the class names in {str(path)!r} ({error})") from error
    if names is None:
        return None
    if not (isinstance(names, list) and names and all(n and isinstance(n, str) for n in names)):
        raise InputError(f"{str(path)!r} should list class names, each a text that is not empty")
    return names


def _lines(text: str) -> object:
    return [line.strip() for line in text.rstrip().split("\n")]


def _classes(text: str) -> object:
    """The classes of an index; an index as timm writes it names none."""
    return _info(text).get("classes")


def _info(text: str) -> Any:
    return parse_json(text, f"file {_INFO!r}")
