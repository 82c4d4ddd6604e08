"""What the loader benchmark loads: augmentations as our ranges and as torchvision's transforms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torchvision.transforms import v2

from ...kernels import AugmentRanges

AREA, ASPECT = (0.08, 1.0), (3 / 4, 4 / 3)
"""Of random crops (arXiv 1409.4842, section 6)."""


@dataclass(frozen=True)
class LoaderCase:
    """One augmentation; half of the images are mirrored as well."""

    stored: int
    """Side in pixels of the images in memory."""
    size: int
    """Side in pixels of the batches' images."""
    ours: AugmentRanges
    theirs: Callable[[], Any]
    """Makes torchvision's transform of the same; what lies beyond borders is black there."""


_crop = AugmentRanges(area=AREA, aspect=ASPECT, flip=0.5)

CASES = {
    "shift-32": LoaderCase(
        32, 32, AugmentRanges(shift=4 / 32, flip=0.5), lambda: v2.RandomCrop(32, padding=4)
    ),
    "crop-32": LoaderCase(32, 32, _crop, lambda: _random_resized_crop(32)),
    "crop-224": LoaderCase(256, 224, _crop, lambda: _random_resized_crop(224)),
}


def _random_resized_crop(size: int) -> Any:
    return v2.RandomResizedCrop(size, AREA, ASPECT, antialias=True)
