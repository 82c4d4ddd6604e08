"""What a filter of finished images is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ..plan.samples import SampleSpec


@dataclass(frozen=True)
class Verdict:
    """What a filter says of a batch, on the images' device or on the host."""

    keep: Tensor
    """bool `[B]`: whether each image is good enough."""
    score: Tensor
    """float32 `[B]`: how good each is by the filter's own measure, more being better."""


class ImageFilter(Protocol):
    """Tells which finished images should be made again from other noise.

    A filter may remember images within a unit of work, which is one call of `Generator.generate`,
    and for a dataset one shard. Subclasses that remember nothing need `__call__` only.
    """

    reason: str
    """Why its images are rejected, in one word for statistics: `duplicate`."""

    def begin(self) -> None:
        """A new unit of work begins: forget the images of the one before."""
        return

    def __call__(self, images: Tensor, specs: Sequence[SampleSpec]) -> Verdict:
        """Judge `images`, uint8 `[B, S, S, 3]` and one at least, each made from its spec."""
        ...

    def handed_over(self, rows: Tensor) -> None:
        """Told after each call which of its images, bool `[B]` on the device, are handed over.

        Others were rejected, by this filter or by one after it. An image that is rejected at its
        last attempt is handed over all the same.
        """
        return
