"""Where the package keeps what it makes or fetches once."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError


def default_cache_root() -> Path:
    """`$ZEROREAL_CACHE`, else `zeroreal` in `$XDG_CACHE_HOME`, which is `~/.cache` unless set.

    Raises `InputError` where that is in the user's home folder, and there is none.
    """
    chosen = os.environ.get("ZEROREAL_CACHE")
    root = Path(chosen or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "zeroreal")
    try:
        return root.expanduser()
    except RuntimeError:
        raise InputError(
            f"the cache would be in {str(root)!r}, and this user has no home folder: set "
            "ZEROREAL_CACHE to a folder that can be written"
        ) from None
