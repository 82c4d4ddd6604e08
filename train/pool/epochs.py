"""When images arrive and how often they are trained on: fixed before the first is generated.

What training sees follows from these plain functions and the seed, so that it does not depend on
how fast images are generated, nor on whether that goes on beside training or between its epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...base.errors import InputError

_LEAST = 2  # samples of a pass: batch normalisation needs them


@dataclass(frozen=True)
class VirtualEpoch:
    """One pass over what the pool holds, or over a part of it, drawn at random."""

    generated: int
    """How many images were published by then, replaced ones included."""
    samples: int
    """How many are trained on."""


class EpochPlan:
    """The virtual epochs of a training, in order; see `virtual_epochs`."""

    def __init__(
        self, blocks: Sequence[int], capacity: int, epochs: int | None, max_replay: float | None
    ) -> None:
        self._has_end = epochs is not None
        self._rest = virtual_epochs(blocks, capacity, epochs, max_replay)
        self._planned: list[VirtualEpoch] = []

    def epoch(self, number: int) -> VirtualEpoch | None:
        """The epoch of this number, from 0; None if there is none."""
        while len(self._planned) <= number:
            following = next(self._rest, None)
            if following is None:
                return None
            self._planned.append(following)
        return self._planned[number]

    def is_at_the_end(self, number: int, share: float) -> bool:
        """Whether the epoch of this number lies within the last `share` of all samples.

        Raises `InputError` where there is no end.
        """
        samples = [epoch.samples for epoch in self.all()]
        total = sum(samples)
        return sum(samples[:number]) >= total - share * total

    def all(self) -> list[VirtualEpoch]:
        """Every epoch; `InputError` where they have no end."""
        if not self._has_end:
            raise InputError("the loader has no end: give it a number of epochs")
        self._planned += self._rest
        return self._planned


def block_sizes(images: int, capacity: int, block: int, replaces: bool) -> list[int]:
    """The images of each block, in order: `block`, and what is left last.

    A pool that keeps what it has takes no more than `capacity` images in all.
    """
    total = images if replaces else min(images, capacity)
    return [min(block, total - begun) for begun in range(0, total, block)]


def check_passes(
    blocks: Sequence[int], capacity: int, epochs: int | None, max_replay: float | None
) -> None:
    """Raise `InputError` where `max_replay` leaves not even one pass over the images.

    It can be called before anything is generated: `blocks` are the images of each block, as
    `block_sizes` and `Feed.blocks` give them, and `capacity` those that the pool can publish.
    """
    if next(virtual_epochs(blocks, capacity, epochs, max_replay), None) is None:
        raise InputError(
            f"max replay is {max_replay}, which leaves not even one pass over {sum(blocks)} "
            "images: allow more, or generate more images"
        )


def virtual_epochs(
    blocks: Sequence[int],
    capacity: int,
    epochs: int | None,
    max_replay: float | None = None,
) -> Iterator[VirtualEpoch]:
    """The passes of a training on `blocks` that use each image `epochs` times, on average.

    Each block is followed by as many passes over what is there as it takes to use an image `epochs`
    times while a full pool is replaced: so about half of the training has images to come. No pass
    takes the samples trained on beyond `epochs`, or `max_replay`, times the images generated so
    far. With `epochs` None, there is one pass a block and no end.
    """
    most = min(math.inf if limit is None else limit for limit in (epochs, max_replay))
    wanted = math.inf if epochs is None else epochs * sum(blocks)
    full = min(capacity, sum(blocks))
    generated = trained = held = 0
    for block in blocks:
        generated += block
        held = min(capacity, held + block)
        for _ in range(max(1, round((epochs or 1) * block / full))):
            if trained + held <= most * generated:
                yield VirtualEpoch(generated, held)
                trained += held
    total = min(wanted, most * generated)
    while total - trained >= _LEAST:
        samples = int(min(held, total - trained))
        yield VirtualEpoch(generated, samples)
        trained += samples
