"""What is asked of images before they are handed over."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import InputError
from .filter import ImageFilter


@dataclass(frozen=True)
class Quality:
    """What is asked of images beside that they are pictures, and how often they are tried.

    Raises `InputError` where not even one attempt is allowed.
    """

    filters: tuple[ImageFilter, ...] = ()
    """In this order; a filter is not shown what one before it rejected."""
    most_attempts: int = 2
    """For each image, the first one included."""

    def __post_init__(self) -> None:
        if self.most_attempts < 1:
            raise InputError(f"most attempts is {self.most_attempts}: at least 1 is needed")


PICTURES_ONLY = Quality()
"""Whatever is a picture is good enough."""
