"""Numbers of bytes as people write them."""

from __future__ import annotations

import re

from .errors import InputError

__all__ = ["parse_size", "size_text"]


_UNITS = {
    "": 1,
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("KMGT", start=1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", start=1)},
}


def parse_size(text: str) -> int:
    """Bytes in a size such as `16GiB`, `500 MB` or `1.5TB`.

    Raises `InputError` for anything else, and for less than a byte.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip(), re.IGNORECASE)
    units = {unit.lower(): factor for unit, factor in _UNITS.items()}
    if found is None or found[2].lower() not in units:
        raise InputError(
            f"size {text!r} is not a size in bytes: give a number and a unit, such as 16GiB or "
            "500MB"
        )
    size = int(float(found[1]) * units[found[2].lower()])
    if size < 1:
        raise InputError(f"size {text!r} is nothing: give at least a byte, such as 16GiB")
    return size


def size_text(size: int) -> str:
    """A number of bytes for people, in GiB or MiB."""
    return f"{size / 1024**3:.1f} GiB" if size >= 1024**3 else f"{size / 1024**2:.0f} MiB"
