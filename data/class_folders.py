"""Names of folders for classes, whatever these are called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from .walk import is_left_behind

_MOST_BYTES = 200  # systems take 255


def folder_names(classes: Sequence[str]) -> list[str]:
    """A name for the folder of each class, its own where that can be.

    None is hidden or reaches outside, and no two are the same on a system that takes case or the
    form of Unicode for nothing. The same classes in the same order have the same folders.
    """
    names: list[str] = []
    taken: set[str] = set()
    own = {_key(name) for name in classes}
    for name in classes:
        first = folder = _safe(name)
        number = 1
        while _key(folder) in taken or (folder != name and _key(folder) in own - {_key(name)}):
            number += 1
            folder = f"{first}-{number}"
        taken.add(_key(folder))
        names.append(folder)
    return names


def _safe(name: str) -> str:
    safe = re.sub(r"[/\\\x00-\x1f\x7f]", "_", name)
    if is_left_behind(safe) or not safe:
        safe = f"_{safe}"
    return safe.encode()[:_MOST_BYTES].decode(errors="ignore")


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
