"""The images that all contenders classify."""

from __future__ import annotations

from torch import Tensor

from ...assets import FASHION_MNIST_TEST
from ...assets.embedded import EMBEDDED_CLASSES
from ...data import load_real_images
from ...generate import parse_classes
from ...generate.plan.classes import prompt_aliases
from ...run.zeroshot.share import balanced_order

_SEED = 0


def shipped_images(count: int, side: int) -> tuple[Tensor, list[int]]:
    """So many of the real images that ship, evenly from all classes, and their classes.

    They are uint8 `[count, side, side, 3]`. Raises `InputError` for more than there are.
    """
    classes = parse_classes(EMBEDDED_CLASSES)
    names = [one.name for one in classes]
    real = load_real_images(FASHION_MNIST_TEST, names, side, prompt_aliases(classes))
    order = balanced_order(real.labels, _SEED, count)
    return real.images[order], real.labels[order].tolist()
