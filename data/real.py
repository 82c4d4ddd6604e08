"""Real, labelled images to test a finished classifier on.

They are for evaluation only, never used to choose anything: no training step, no checkpoint, no
setting may depend on what this module loads.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from .matching import Aliases
from .settings import ReadSettings
from .source import LabelledImages, read_images

__all__ = ["load_real_images"]

_LG = logging.getLogger(__name__)
_AS_STORED = ReadSettings()


def load_real_images(
    source: str | Path,
    classes: Sequence[str],
    size: int,
    aliases: Aliases = (),
    reading: ReadSettings = _AS_STORED,
) -> LabelledImages:
    """Load every image of `source` at `size` pixels a side, labelled by position in `classes`.

    `source` is any that `load_images` reads; of Fashion-MNIST, this takes the test split. Class
    names match as `match_classes` says; `aliases` are further wordings, such as display prompts,
    each with the name in `classes` that it means; `reading` says what the source leaves open.
    Raises `InputError` where the source is missing, empty or damaged, or holds images of a class
    that is not in `classes`.
    """
    real = read_images(source, "test", size, classes, aliases, reading)
    if real.resized:
        _LG.info("resized %d of %d test images to %d pixels", real.resized, len(real.images), size)
    return real
