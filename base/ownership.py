"""Whether a file can have been put there, or changed, by another user of the machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def distrust(paths: Iterable[Path]) -> str | None:
    """Why somebody else may have written what lies at one of `paths`; None if nobody can have.

    That is a link, what belongs to neither this user nor root, and what others may write. Raises
    `OSError` for what cannot be looked at.
    """
    if not hasattr(os, "geteuid"):  # Windows, where folders of a user are closed to others
        return None
    for path in paths:
        state = path.lstat()
        if stat.S_ISLNK(state.st_mode):
            return f"{path.name} is a link"
        if state.st_uid not in (0, os.geteuid()):
            return f"{path.name} belongs to user {state.st_uid}"
        if state.st_mode & _OTHERS_WRITE:
            return f"{path.name} can be written by others"
    return None


def close_to_others(path: Path) -> None:
    """Let nobody else write a file or folder of this user, whatever the umask let them."""
    mode = path.stat().st_mode
    if mode & _OTHERS_WRITE:
        path.chmod(stat.S_IMODE(mode) & ~_OTHERS_WRITE)
