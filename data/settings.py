"""How labelled images are read. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import InputError
from ..base.limits import IMAGE_PIXELS
from ..base.settings import option


@dataclass(frozen=True)
class ReadSettings:
    """What sources leave open, and what is to be done about images that cannot be read.

    Raises `InputError` for values out of range.
    """

    split: str | None = None
    """Which split to read of real images that have several, such as train and test."""
    image_column: str | None = option(None, shown="image")
    """The column of a Parquet file that holds the images; in shards, the suffix of their files."""
    label_column: str | None = option(None, shown="label")
    """The column that holds the labels; in shards, the suffix of their files or the key in JSON."""
    label_order: bool = False
    """Take labels that are numbers without names for positions in the list of classes, from 0."""
    skip_unreadable: bool = False
    """Go on without images that cannot be read, and list them, instead of stopping at the first."""
    max_image_pixels: int | None = option(None, shown=str(IMAGE_PIXELS.default))
    """Images of more pixels, width times height, are not read: raise it for larger ones that you
    trust."""

    def __post_init__(self) -> None:
        if self.max_image_pixels is not None and self.max_image_pixels < 1:
            raise InputError(f"max image pixels is {self.max_image_pixels}: it must be 1 or more")
