"""Which of the real images are classified, and in which order."""

from __future__ import annotations

from torch import Tensor

from ...base import InputError
from ...generate.plan import philox
from ...generate.plan.philox import Stream


def balanced_order(labels: Tensor, seed: int, count: int | None = None) -> list[int]:
    """Positions of `count` images, by default all, drawn by the seed; labels are int64 `[N]`.

    Classes take turns as long as they have images, so every prefix is balanced. Raises `InputError`
    for more than there are.
    """
    if count is not None and count > len(labels):
        raise InputError(f"{count} images were asked for, there are {len(labels)}: ask for fewer")
    by_class: dict[int, list[int]] = {}
    for position, label in enumerate(labels.tolist()):
        by_class.setdefault(label, []).append(position)
    turns = [
        (turn, label, positions[place])
        for label, positions in by_class.items()
        for turn, place in enumerate(philox.shuffled(len(positions), seed, label, Stream.SHARE))
    ]
    return [position for _, _, position in sorted(turns)][:count]
