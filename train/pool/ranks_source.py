"""Generating in several processes that train together: each makes a share, and all get all."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ...base.ranks import Ranks
from ...generate import ImageBatch, SampleSpec
from ...generate.image_batch import labels_of
from .source import ImageSource

__all__ = ["RanksSource"]


class RanksSource:
    """Generates with a source on each rank, over disjoint samples, and exchanges the images.

    Every rank must ask for the same samples in the same order. Images go from device to device, in
    a process group of their own, for gradients may travel meanwhile.

    Args:
        source: this rank's.
        image_size: side of its square images in pixels.
        ranks: the processes.
    """

    def __init__(self, source: ImageSource, image_size: int, ranks: Ranks) -> None:
        self.device, self.facts = source.device, getattr(source, "facts", None)
        self._source, self._image_size, self._ranks = source, image_size, ranks
        self._group: Any = dist.new_group()

    def generate(
        self, specs: Iterable[SampleSpec], done: Container[int] = ()
    ) -> Iterator[ImageBatch]:
        """The images of `specs` but those in `done`, of all ranks, in one batch.

        Shares are dealt as if none were done: what is missing comes out as it would have.
        """
        wanted = list(specs)
        count = self._ranks.world_size
        most = -(-len(wanted) // count)
        own = wanted[self._ranks.rank :: count]
        place = {spec.index: row for row, spec in enumerate(own)}
        side = self._image_size
        images = torch.zeros(most, side, side, 3, dtype=torch.uint8, device=self.device)
        made = torch.zeros(most, dtype=torch.uint8)
        for batch in self._source.generate(own, done):
            rows = [place[spec.index] for spec in batch.specs]
            images[rows] = batch.images
            made[rows] = 1
        everyone = torch.stack(self._gather(images), dim=1).flatten(0, 1)  # as they are in `wanted`
        flags = torch.stack(self._gather(made.to(self.device)), dim=1).flatten().tolist()
        kept = [row for row, flag in enumerate(flags) if flag]
        if not kept:
            return
        made_specs = tuple(wanted[row] for row in kept)
        labels = labels_of(made_specs, self.device)
        yield ImageBatch(made_specs, everyone[kept], labels)

    def _gather(self, own: Tensor) -> list[Tensor]:
        """What every rank has, by rank."""
        everyone = [torch.empty_like(own) for _ in range(self._ranks.world_size)]
        dist.all_gather(everyone, own, group=self._group)
        return everyone
