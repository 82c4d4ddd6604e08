"""The feed: a plan's images, generated block by block into a pool while training draws from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence, Set
from functools import partial
from typing import Any

from torch import Tensor

from ...base.errors import InputError, unknown
from ...generate import SampleSpec
from ..settings import POLICIES
from ..states import check_state
from .block_writer import BlockWriter, KeptImages
from .epochs import block_sizes
from .pool import ImagePool
from .sharing import Sharing
from .source import ImageSource, replays_graphs
from .worker import Worker

__all__ = ["Feed", "ImageSource", "KeptImages"]


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

    Raises `InputError` for arguments other than these. `advance` raises what the source raises.
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
        """How many images were published, replaced ones included: blank ones are left out, and
        those that `keep_only` freed."""
        self.sharing = Sharing(mode, source.device, replays_graphs(source))
        self.waited = 0.0
        """How long `advance` took."""
        self._writer = BlockWriter(source, plan, self.blocks, pool, soften, is_over, on_batch)
        self._worker: Worker | None = None
        self._samples_before = 0

    @property
    def generated(self) -> int:
        """The images of all blocks that were published."""
        return self._writer.bounds[self.published]

    @property
    def written(self) -> int:
        """How many images were generated, published or not, those that were kept among them."""
        return self._writer.written

    @property
    def seconds(self) -> float:
        """How long generating took, beside training or not."""
        return self._writer.seconds

    @property
    def images_per_second(self) -> float:
        """How fast images were generated, beside training or not."""
        return self._writer.made / self.seconds if self.seconds else 0.0

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
        self.sharing.begin_block()
        if self._worker is None:
            self._generate(self.published)
        else:
            self._worker.result()
            self._worker = None
        self._publish_block()
        self.waited += time.perf_counter() - began
        images = self.blocks[self.published - 1]
        self.sharing.turn(images, self.pool.samples - self._samples_before)
        self._samples_before = self.pool.samples
        if self.sharing.is_concurrent and not self.is_finished:
            self._worker = Worker(partial(self._generate, may_wait=True), self.published)
        return True

    def fill(self) -> None:
        """Publish all blocks that are left."""
        while self.advance():
            pass

    def keep_only(self, samples: Container[int]) -> None:
        """Free the images of all other samples, once every block was published.

        Where images are kept for a run that is cut short, those stay kept.
        """
        if self._writer.kept is not None:
            self._writer.kept.save_for_good(self.pool)
        self.pool.keep_only(samples)
        self.images = len(self.pool)

    def keep_in(self, kept: KeptImages) -> None:
        """Take images from `kept`, rather than generating them, and have it save the others."""
        self._writer.keep_in(kept)

    def close(self) -> None:
        """Stop generating, after the batch in work."""
        self._writer.stop()
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
        """Generate again what the pool held, but for what is kept.

        Raises `InputError` for the state of another plan or of a format that this version does not
        know, and once a block was published.
        """
        check_state(state, self.state_dict(), "the feed's state")
        self.pool.check_state(state["pool"])
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
            self._generate(block, held)
        if lost := sorted(held - self._writer.waiting):
            raise InputError(
                f"sample {lost[0]}, which the state has, was not generated again: restore the "
                "model and the recipe, or start anew"
            )
        self.pool.publish(self._writer.slots_of(sorted(held)))
        self.pool.load_state_dict(state["pool"])
        self.published = state["published"]
        self.images = state["images"]

    def _publish_block(self) -> None:
        slots = self._writer.slots_of_block(self.published)
        too_many = len(self.pool) + len(slots) - self.pool.capacity
        if too_many > 0:
            self.pool.evict(too_many, self.policy)
        self.pool.publish(slots)
        self.published += 1
        self.images += len(slots)

    def _generate(self, block: int, wanted: Set[int] | None = None, may_wait: bool = False) -> None:
        # On one stream whoever calls, for what generators hold is in use by the one they ran on.
        with self.sharing.generating_stream():
            self._writer.generate(block, wanted, may_wait=may_wait)
