"""Durations as people write them."""

from __future__ import annotations

import math
import re

from .errors import InputError

__all__ = ["duration_text", "parse_duration"]


_NUMBER = r"(\d+(?:\.\d+)?)"


_DURATION = re.compile(f"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?")


def parse_duration(text: str) -> float:
    """Seconds in a duration such as `10m`, `90s`, `1h30m` or, in seconds, `600`.

    Raises `InputError` for anything else, and for no time at all.
    """
    lean = text.strip().lower()
    found = _DURATION.fullmatch(f"{lean}s" if re.fullmatch(_NUMBER, lean) else lean)
    parts = found.groups(default="0") if found else ()
    seconds = sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if not seconds:
        raise InputError(
            f"duration {text!r} is not a length of time: write it such as 10m, 90s or 1h30m"
        )
    return seconds


def duration_text(seconds: float) -> str:
    """Seconds, rounded up to whole ones, as `parse_duration` reads them."""
    whole = math.ceil(seconds)
    parts = {"h": whole // 3600, "m": whole // 60 % 60, "s": whole % 60}
    return "".join(f"{number}{unit}" for unit, number in parts.items() if number)
