"""What decides a plan. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ...assets.embedded import EMBEDDED_CLASSES
from ...base.errors import InputError
from ...base.settings import option
from .classes import class_entries


@dataclass(frozen=True)
class PlanSettings:
    """Which images there are to be.

    Raises `InputError` for values out of range.
    """

    classes: tuple[str, ...] = option(
        EMBEDDED_CLASSES, read=class_entries, shown="the embedded model's ten garments"
    )
    """Class names, comma-separated, or a file of them (.txt, .csv, .json, .yaml); each a name, or a
    name, a colon and what prompts call it."""
    recipe: str = "random-guidance"
    """A shipped recipe's name, a YAML file, or a file of prompts for each class."""
    images_per_class: int = option(400, short="-n")
    """Images generated of each class."""
    seed: int = 0
    """Decides every image, initial weights, order and augmentation."""

    def __post_init__(self) -> None:
        if self.images_per_class < 1:
            raise InputError(f"images per class is {self.images_per_class}: at least 1 is needed")
        if not 0 <= self.seed < 2**64:
            raise InputError(f"seed {self.seed} is outside 0..2^64-1: choose one inside")
