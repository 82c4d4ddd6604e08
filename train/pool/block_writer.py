"""Writes a plan's images into the pool, block by block, and knows which wait to be published."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from typing import Protocol

import torch
from torch import Tensor

from ...base.errors import InputError
from ...base.transfer import to_device
from ...generate import SampleSpec
from .pool import ImagePool
from .source import ImageSource


class KeptImages(Protocol):
    """Where images are kept for a run that is cut short."""

    @property
    def samples(self) -> Collection[int]:
        """The samples whose images are there."""
        ...

    def read(self, samples: Sequence[int]) -> Iterator[tuple[list[int], Tensor]]:
        """Those of `samples` that are there, some at a time: images uint8 `[B, S, S, 3]`."""
        ...

    def save_when_due(self, pool: ImagePool) -> None:
        """Save what is new in `pool`, if it is time."""
        ...

    def save_for_good(self, pool: ImagePool) -> None:
        """Save what is new in `pool`, and keep all of it, whatever is freed there later."""
        ...


class BlockWriter:
    """Generates the blocks of `plan` into free slots of `pool`; see `Feed` for the arguments.

    `blocks` are the images of each block, in order.
    """

    def __init__(
        self,
        source: ImageSource,
        plan: Sequence[SampleSpec],
        blocks: Sequence[int],
        pool: ImagePool,
        soften: Callable[[Tensor, Tensor], Tensor] | None,
        is_over: Callable[[int], bool],
        on_batch: Callable[[int], None],
    ) -> None:
        self.made = 0
        """How many images were generated, published or not, but for those that are kept."""
        self.kept: KeptImages | None = None
        """Images that were generated before, and where new ones are saved."""
        self.seconds = 0.0
        """How long generating took, beside training or not."""
        self.bounds = list(itertools.accumulate(blocks, initial=0))
        """Where in the plan each block begins, and the last one ends."""
        self._source, self._plan, self._pool, self._soften = source, plan, pool, soften
        self._is_over, self._on_batch = is_over, on_batch
        self._waiting: dict[int, int] = {}  # the slots of samples that are written, not published
        self._is_stopped = threading.Event()
        self._kept_before = 0

    @property
    def written(self) -> int:
        """How many images are generated, those that were kept before among them."""
        return self.made + self._kept_before

    @property
    def waiting(self) -> Set[int]:
        """The samples that are written, not published."""
        return self._waiting.keys()

    def keep_in(self, kept: KeptImages) -> None:
        """Take images from `kept`, rather than generating them, and have it save the others."""
        self.kept, self._kept_before = kept, len(kept.samples)

    def generate(
        self, block: int, wanted: Set[int] | None = None, *, may_wait: bool = False
    ) -> None:
        """Write a block's images, of those in `wanted`, that are not written yet.

        `may_wait` says that somebody else may free slots meanwhile. Raises `InputError` where
        nobody does and there are too few.
        """
        specs = self._specs(block)
        done = {
            spec.index
            for spec in specs
            if spec.index in self._waiting or (wanted is not None and spec.index not in wanted)
        }
        if not may_wait and len(specs) - len(done) > self._pool.free:
            raise InputError(
                f"the pool has {self._pool.free} free slots, {len(specs) - len(done)} are needed "
                "and nobody frees any: release those that were taken"
            )
        done |= self._write_kept([spec for spec in specs if spec.index not in done])
        if len(done) == len(specs):
            return
        began = time.perf_counter()
        for batch in self._source.generate(specs, done):
            slots = self._pool.take(len(batch.specs), self._is_stopped.is_set)
            if self._is_stopped.is_set():
                return
            labels = [spec.label for spec in batch.specs]
            self._write(slots, batch.images, labels, [spec.index for spec in batch.specs])
            self.made += len(batch.specs)
            self.seconds, began = self.seconds + time.perf_counter() - began, time.perf_counter()
            if self.kept is not None:
                self.kept.save_when_due(self._pool)
            self._on_batch(self.written)
            if self._is_over(self.written):
                break

    def slots_of_block(self, block: int) -> list[int]:
        """The slots of a block's images, to be published: they no longer wait.

        Images that the source left out are not among them.
        """
        samples = [spec.index for spec in self._specs(block)]
        return self.slots_of([sample for sample in samples if sample in self._waiting])

    def slots_of(self, samples: Sequence[int]) -> list[int]:
        """The slots of these samples, to be published: they no longer wait."""
        return [self._waiting.pop(sample) for sample in samples]

    def stop(self) -> None:
        """Let generating end after the batch in work."""
        self._is_stopped.set()

    def _specs(self, block: int) -> Sequence[SampleSpec]:
        return self._plan[self.bounds[block] : self.bounds[block + 1]]

    def _write_kept(self, specs: Sequence[SampleSpec]) -> set[int]:
        """Write those images of `specs` that are kept; their samples."""
        if self.kept is None:
            return set()
        labels = {spec.index: spec.label for spec in specs}
        written: set[int] = set()
        for samples, images in self.kept.read(list(labels)):
            slots = self._pool.take(len(samples), self._is_stopped.is_set)
            if self._is_stopped.is_set():
                break
            on_device = images.to(self._pool.device)
            self._write(slots, on_device, [labels[sample] for sample in samples], samples)
            written.update(samples)
        return written

    def _write(
        self, slots: list[int], images: Tensor, labels: list[int], samples: list[int]
    ) -> None:
        targets = None
        if self._soften is not None:
            targets = self._soften(images, to_device(torch.tensor(labels), images.device))
        self._pool.write(slots, images, labels, samples, targets)
        self._waiting.update(zip(samples, slots, strict=True))
