"""In what order an epoch draws the pool's images, and how ranks and batches share them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def batch_sizes(images: int, batch_size: int, world_size: int) -> list[int]:
    """The sizes of each rank's batches in an epoch over so many images.

    The last one is as small as what is left. One of a single image joins the one before, for batch
    normalisation needs two.
    """
    share = -(-images // world_size)
    sizes = [min(batch_size, share - begun) for begun in range(0, share, batch_size)]
    if len(sizes) > 1 and sizes[-1] == 1:
        sizes[-2:] = [sizes[-2] + 1]
    return sizes


def shuffled(
    slots: NDArray[np.int64], samples: int, world_size: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """`samples` of the slots at random, in the order in which the ranks take them in turn."""
    order = random.permutation(slots)[:samples]
    # Ranks must take as many steps: some images are seen twice.
    return np.resize(order, -(-len(order) // world_size) * world_size)


def balanced(
    slots: NDArray[np.int64], labels: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.int64]:
    """As many slots again, the same number of each class: without replacement while they last."""
    classes = np.unique(labels)
    quotas = np.full(len(classes), len(slots) // len(classes))
    quotas[random.permutation(len(classes))[: len(slots) % len(classes)]] += 1
    chosen = []
    for label, quota in zip(classes, quotas, strict=True):
        own = slots[labels == label]
        rounds = -(-int(quota) // len(own))
        chosen.append(np.concatenate([random.permutation(own) for _ in range(rounds)])[:quota])
    return np.concatenate(chosen)
