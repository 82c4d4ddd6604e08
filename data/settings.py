"""How labelled images are read. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import InputError

_PILLOWS_LIMIT = 2 * (1024**3 // 4 // 3)


@dataclass(frozen=True)
class ReadSettings:
    """What sources leave open, and what is to be done about images that cannot be read.

    Raises `InputError` for values out of range.
    """

    skip_unreadable: bool = False
    """Go on without images that cannot be read, and list them, instead of stopping at the first."""
    max_image_pixels: int = _PILLOWS_LIMIT
    """Images of more pixels, width times height, count as unreadable: raise it for larger ones that
    you trust."""

    def __post_init__(self) -> None:
        if self.max_image_pixels < 1:
            raise InputError(f"max image pixels is {self.max_image_pixels}: it must be 1 or more")
