"""Writes a plan's images into the pool, block by block, and knows which wait to be published."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence, Set

import torch
from torch import Tensor

from ...base.transfer import to_device
from ...generate import SampleSpec
from .pool import ImagePool
from .source import ImageSource

_RESTORED_AT_ONCE = 1024  # images


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
        self.written = 0
        """How many images are generated, published or not."""
        self.restored = 0
        """How many of these were generated before, and restored."""
        self.seconds = 0.0
        """How long generating took, beside training or not."""
        self.bounds = list(itertools.accumulate(blocks, initial=0))
        """Where in the plan each block begins, and the last one ends."""
        self._source, self._plan, self._pool, self._soften = source, plan, pool, soften
        self._is_over, self._on_batch = is_over, on_batch
        self._waiting: dict[int, int] = {}  # the slots of samples that are written, not published
        self._is_stopped = threading.Event()

    @property
    def waiting(self) -> Set[int]:
        """The samples that are written, not published."""
        return self._waiting.keys()

    def generate(self, block: int, wanted: Set[int] | None = None) -> None:
        """Write a block's images, of those in `wanted`, that are not written yet."""
        specs = self._specs(block)
        done = {
            spec.index
            for spec in specs
            if spec.index in self._waiting or (wanted is not None and spec.index not in wanted)
        }
        if len(done) == len(specs):
            return
        self._make_room(len(specs) - len(done), {spec.index for spec in specs} | set(wanted or ()))
        began = time.perf_counter()
        for batch in self._source.generate(specs, done):
            slots = self._pool.take(len(batch.specs), self._is_stopped.is_set)
            if self._is_stopped.is_set():
                return
            labels = [spec.label for spec in batch.specs]
            self._write(slots, batch.images, labels, [spec.index for spec in batch.specs])
            self.seconds, began = self.seconds + time.perf_counter() - began, time.perf_counter()
            self._on_batch(self.written)
            if self._is_over(self.written):
                break

    def restore(self, images: Tensor, labels: Tensor, samples: Tensor) -> None:
        """Write images that were generated before: they are not generated again."""
        slots = self._pool.take(len(samples))
        for begin in range(0, len(slots), _RESTORED_AT_ONCE):  # not all may fit on the device
            part = slice(begin, begin + _RESTORED_AT_ONCE)
            on_device = images[part].to(self._pool.device)
            self._write(slots[part], on_device, labels[part].tolist(), samples[part].tolist())
        self.restored += len(samples)

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

    def _make_room(self, count: int, needed: Set[int]) -> None:
        """Drop restored images, the last ones, where others need slots before them."""
        lacking = max(0, count - self._pool.free)
        dropped = sorted(self._waiting.keys() - needed, reverse=True)[:lacking]
        self._pool.release(self.slots_of(dropped))
        self.written -= len(dropped)
        self.restored -= len(dropped)

    def _write(
        self, slots: list[int], images: Tensor, labels: list[int], samples: list[int]
    ) -> None:
        targets = None
        if self._soften is not None:
            targets = self._soften(images, to_device(torch.tensor(labels), images.device))
        self._pool.write(slots, images, labels, samples, targets)
        self._waiting.update(zip(samples, slots, strict=True))
        self.written += len(samples)
