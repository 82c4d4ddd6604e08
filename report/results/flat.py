"""Nested values by dotted names, for lists of differences and for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that is not itself a mapping with values, by its names joined by dots."""
    for name, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
