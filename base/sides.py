"""Sizes of images in pixels as people write them."""

from __future__ import annotations

import re

from .errors import InputError

__all__ = ["Sides", "as_sides", "both_sides", "parse_sides", "sides_text"]

Sides = int | tuple[int, int]
"""The side of square images, or height and width of others."""


def parse_sides(text: str) -> Sides:
    """Pixels in `512` or `512x768` (height x width); `InputError` for anything else."""
    found = re.fullmatch(r"(\d{1,9})(?:x(\d{1,9}))?", text.strip())
    if found is None:
        raise InputError(
            f"{text!r} is not a size in pixels: give a side such as 512, or height x width such as "
            "512x768"
        )
    return as_sides(int(found[1]), int(found[2] or found[1]))


def as_sides(height: int, width: int) -> Sides:
    """Height and width as settings and files have them: a square's is one number."""
    return height if height == width else (height, width)


def both_sides(sides: Sides) -> tuple[int, int]:
    """Height and width."""
    return (sides, sides) if isinstance(sides, int) else sides


def sides_text(sides: Sides) -> str:
    """A size as `parse_sides` reads it."""
    return "x".join(map(str, sides)) if isinstance(sides, tuple) else str(sides)
