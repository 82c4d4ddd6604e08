"""The feed: a plan's images, generated block by block into a pool while training draws from it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence, Set
from typing import Any, Protocol

import torch
from torch import Tensor

from ...base.errors import InputError, unknown
from ...generate import ImageBatch, SampleSpec
from .epochs import block_sizes
from .pool import POLICIES, ImagePool
from .sharing import Sharing

__all__ = ["Feed", "ImageSource"]

_KEPT_AT_ONCE = 1024  # images


class ImageSource(Protocol):
    """What generates images, on one device or on several."""

    device: torch.device

    def generate(
        self, specs: Iterable[SampleSpec], done: Container[int] = ()
    ) -> Iterator[ImageBatch]: ...


class Feed:
    """Generates `plan` into `pool`, `block` images at a time.

    `advance` publishes the next block. What is published, and when, does not depend on the mode,
    which says only what runs beside what: `alternate` generates in `advance`; `overlap` generates
    the next block in a thread of its own, on a GPU on a stream of low priority, while the caller
    trains; `partition` does so on a part of the GPU's multiprocessors; `auto` tries them and keeps
    the fastest.

    Args:
        source: a `Generator`, or several.
        plan: the samples, in order.
        pool: empty, with `block` spare slots if it replaces images.
        block: images published together.
        policy: `keep`, `oldest` or `most-replayed`: what happens when the pool is full.
        mode: `auto`, `alternate`, `overlap` or `partition`.
        soften: gives probabilities `[B, K]` in place of the labels int64 `[B]` of images uint8
            `[B, S, S, 3]`, where the pool holds such.
        is_over: told how many images are generated; True ends the block with them.
        on_batch: told how many images are generated, in the generating thread.

    Raises `InputError` for arguments that are none of these, and from `advance` for what the source
    raises.
    """

    def __init__(
        self,
        source: ImageSource,
        plan: Sequence[SampleSpec],
        pool: ImagePool,
        *,
        block: int,
        policy: str = "keep",
        mode: str = "auto",
        soften: Callable[[Tensor, Tensor], Tensor] | None = None,
        is_over: Callable[[int], bool] = lambda generated: False,
        on_batch: Callable[[int], None] = lambda generated: None,
    ) -> None:
        if policy not in POLICIES:
            raise unknown("pool policy", policy, POLICIES)
        if not len(plan):
            raise InputError("the plan has no samples: give it at least 1")
        if not 1 <= block <= pool.capacity:
            raise InputError(
                f"block is {block}: it must be 1 to {pool.capacity}, the pool's images"
            )
        self.pool, self.policy = pool, policy
        self.blocks = block_sizes(len(plan), pool.capacity, block, policy != "keep")
        """The images of each block."""
        if sum(self.blocks) > pool.capacity and pool.spare < block:
            raise InputError(
                f"the pool has {pool.spare} spare slots: to replace blocks of {block}, give it as "
                "many"
            )
        self.published = 0
        """How many blocks were published."""
        self.images = 0
        """How many images were published, replaced ones included: blank ones are left out."""
        self._resumed = 0  # of these, before the state that this feed goes on from
        self.written = 0
        """How many images were generated, published or not."""
        self.sharing = Sharing(mode, source.device)
        self.seconds = 0.0
        """How long generating took, beside training or not."""
        self.waited = 0.0
        """How long `advance` took."""
        self._source, self._plan, self._soften = source, plan, soften
        self._is_over, self._on_batch = is_over, on_batch
        self._bounds = list(itertools.accumulate(self.blocks, initial=0))
        self._waiting: dict[int, int] = {}  # the slots of samples that are written, not published
        self._worker: _Worker | None = None
        self._samples_before = self._kept = 0
        self._is_stopped = threading.Event()

    @property
    def generated(self) -> int:
        """The images of all blocks that were published."""
        return self._bounds[self.published]

    @property
    def images_per_second(self) -> float:
        """How fast images were generated, beside training or not."""
        return (self.written - self._kept) / self.seconds if self.seconds else 0.0

    @property
    def is_finished(self) -> bool:
        """Whether every block was published."""
        return self.published == len(self.blocks)

    def advance(self) -> bool:
        """Publish the next block, generated first where it is not yet; False if there is none.

        Where the pool is full, as many images are evicted first.
        """
        if self.is_finished:
            return False
        began = time.perf_counter()
        if self._worker is None:
            self._generate_block(self.published)
        else:
            self._worker.result()
            self._worker = None
        self._publish_block()
        self.waited += time.perf_counter() - began
        images = self.blocks[self.published - 1]
        if self.published == self._resumed + 1:
            self.sharing.first_turn(time.perf_counter() - began, images)
        else:
            self.sharing.turn(images, self.pool.samples - self._samples_before)
        self._samples_before = self.pool.samples
        if self.sharing.is_concurrent and not self.is_finished:
            self._worker = _Worker(self._generate_beside, self.published)
        return True

    def fill(self) -> None:
        """Publish all blocks that are left."""
        while self.advance():
            pass

    def keep(self, images: Tensor, labels: Tensor, samples: Tensor) -> None:
        """Take images that were generated before: they are not generated again."""
        slots = self.pool.take(len(samples))
        device = self.pool.device
        for begin in range(0, len(slots), _KEPT_AT_ONCE):  # the device may not have room for all
            part = slice(begin, begin + _KEPT_AT_ONCE)
            names, indices = labels[part].tolist(), samples[part].tolist()
            self._write(
                slots[part], images[part].to(device), labels[part].to(device), names, indices
            )
        self._kept += len(samples)

    def close(self) -> None:
        """Stop generating, after the batch in work."""
        self._is_stopped.set()
        if self._worker is not None:
            self._worker.join()
            self._worker = None

    def state_dict(self) -> dict[str, Any]:
        """Which blocks were published and what the pool holds of them; not the pixels."""
        return {
            "blocks": self.blocks,
            "published": self.published,
            "images": self.images,
            "pool": self.pool.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Generate again what the pool held, but for what `keep` was given.

        Raises `InputError` for the state of another plan, and once a block was published.
        """
        if self.published:
            raise InputError(
                f"the feed has published {self.published} blocks: load the state into a new one"
            )
        if state["blocks"] != self.blocks:
            raise InputError(
                f"the state is of {sum(state['blocks'])} images in {len(state['blocks'])} blocks, "
                f"these are {sum(self.blocks)} in {len(self.blocks)}: restore plan and pool size"
            )
        held = set(state["pool"]["samples"])
        for block in range(state["published"]):
            self._generate_block(block, held)
        self.pool.publish([self._waiting.pop(sample) for sample in sorted(held)])
        self.pool.load_state_dict(state["pool"])
        self.published = self._resumed = state["published"]
        self.images = state["images"]

    def _specs(self, block: int) -> Sequence[SampleSpec]:
        return self._plan[self._bounds[block] : self._bounds[block + 1]]

    def _publish_block(self) -> None:
        slots = [
            self._waiting.pop(spec.index)
            for spec in self._specs(self.published)
            if spec.index in self._waiting  # blank images are left out
        ]
        too_many = len(self.pool) + len(slots) - self.pool.capacity
        if too_many > 0:
            self.pool.evict(too_many, self.policy)
        self.pool.publish(slots)
        self.published += 1
        self.images += len(slots)

    def _generate_beside(self, block: int) -> None:
        with self.sharing.generating_stream():
            self._generate_block(block)

    def _generate_block(self, block: int, wanted: Set[int] | None = None) -> None:
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
            slots = self.pool.take(len(batch.specs), self._is_stopped.is_set)
            if self._is_stopped.is_set():
                return
            samples = [spec.index for spec in batch.specs]
            names = [spec.label for spec in batch.specs]
            self._write(slots, batch.images, batch.labels, names, samples)
            self.seconds, began = self.seconds + time.perf_counter() - began, time.perf_counter()
            self._on_batch(self.written)
            if self._is_over(self.written):
                break

    def _make_room(self, count: int, needed: Set[int]) -> None:
        """Drop images that `keep` was given, the last ones, where others need slots before them."""
        lacking = max(0, count - self.pool.free)
        dropped = sorted(self._waiting.keys() - needed, reverse=True)[:lacking]
        self.pool.release([self._waiting.pop(sample) for sample in dropped])
        self.written -= len(dropped)
        self._kept -= len(dropped)

    def _write(
        self,
        slots: list[int],
        images: Tensor,
        labels: Tensor,
        names: list[int],
        samples: list[int],
    ) -> None:
        targets = self._soften and self._soften(images, labels)
        self.pool.write(slots, images, names, samples, targets)
        self._waiting.update(zip(samples, slots, strict=True))
        self.written += len(samples)


class _Worker:
    """One block's generation in a thread."""

    def __init__(self, work: Callable[[int], None], block: int) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(work, block), name="generate", daemon=True
        )
        self._thread.start()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def result(self) -> None:
        """Wait for its end; raises what the work raised."""
        while self._thread.is_alive():
            self._thread.join(timeout=0.1)  # so that Ctrl-C is heard
        if self._error is not None:
            raise self._error

    def _run(self, work: Callable[[int], None], block: int) -> None:
        try:
            work(block)
        except BaseException as error:
            self._error = error
