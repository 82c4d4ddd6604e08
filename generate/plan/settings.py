"""What decides a plan. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ...assets.embedded import EMBEDDED_CLASSES
from ...base.errors import InputError
from ...base.settings import option
from .classes import class_entries

MOST_GUIDANCE = 1e6


def parse_guidance(text: str) -> tuple[float, float]:
    """The lowest and the highest scale that a text such as `3` or `1:5` names."""
    low, colon, high = text.partition(":")
    try:
        return float(low), float(high if colon else low)
    except ValueError:
        raise InputError(
            f"guidance {text!r} is no scale: give a number such as 3, or a range such as 1:5"
        ) from None


def check_scales(scales: tuple[float, float]) -> None:
    """Raise `InputError` unless these are the lowest and the highest guidance scale of images."""
    low, high = scales
    if not 1 <= low <= high <= MOST_GUIDANCE:  # comparisons with NaN are false
        raise InputError(
            f"guidance is {low:g} to {high:g}: give scales of 1, which is no guidance, to "
            f"{MOST_GUIDANCE:g}, the lower one first"
        )


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
    guidance: tuple[float, float] | None = option(None, read=parse_guidance, shown="the recipe's")
    """Guidance scale of all images, or the lowest and highest that are drawn, such as 1:5; 1 is
    none. Few-step models such as Turbo and LCM have one of their own in place of the recipe's."""
    images_per_class: int = option(400, short="-n")
    """Images generated of each class."""
    seed: int = 0
    """Decides every image, initial weights, order and augmentation."""

    def __post_init__(self) -> None:
        if self.images_per_class < 1:
            raise InputError(f"images per class is {self.images_per_class}: at least 1 is needed")
        if self.guidance is not None:
            check_scales(self.guidance)
        if not 0 <= self.seed < 2**64:
            raise InputError(f"seed {self.seed} is outside 0..2^64-1: choose one inside")
