"""What filters go by. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from ...base.errors import InputError


def check_least_agreement(least: float) -> float:
    """A probability that images can have or miss; raises `InputError` for any other."""
    if not 0 < least < 1:  # NaN, too
        raise InputError(f"least agreement is {least:g}: it must be above 0 and below 1")
    return least
