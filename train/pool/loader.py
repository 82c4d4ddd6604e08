"""The loader: batches from the pool, augmented on the device in one pass."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from ...base.errors import InputError
from ...kernels import AugmentRanges
from ..checks import check_batches, check_numbers, check_plain_share
from ..settings import DegradeRanges
from ..states import FORMAT, VERSION, check_identity, check_state, written
from .batch_maker import BatchMaker
from .epochs import EpochPlan, check_passes
from .feed import Feed
from .order import balanced as balanced_slots
from .order import batch_sizes, shuffled
from .pool import ImagePool

__all__ = ["Loader"]


class Loader:
    """Batches of `source`'s images, each iteration one virtual epoch; see `__iter__`.

    Order and augmentation follow from `seed` and from what `source` holds: nothing else, so that a
    training can go on from `state_dict` to the bit, on as many ranks as before.

    Args:
        source: a pool; or a feed, which then publishes its blocks as the epochs begin.
        batch_size: images of a batch, on each rank.
        augment: random changes of the images.
        plain_share: the last epochs, with this share of all samples, go without `augment`, 0 to 1
            (refining, arXiv 1909.09148); 0 where there is no end.
        degrade: degradation before that.
        size: height and width of the batches' images in pixels; by default the pool's.
        dtype: float32, float16 or bfloat16, of the batches.
        seed: decides order and augmentation.
        epochs: how often each image is to be used on average, where a feed gives the epochs; one
            epoch a block, and no end, by default.
        max_replay: the most samples trained on for each image generated.
        balanced: draw as many images of each class: of classes with fewer some more than once.
        rank: this process's share of every epoch is `rank` of `world_size`. All must hold the same
            images.
        world_size: how many processes train together.
        mean: of each channel, of values of 0..1.
        std: the standard deviation of each channel, likewise.

    Raises `InputError` for arguments of another kind or range, for an empty pool, where a feed
    leaves out all images, and while batches are made where memory runs out.
    """

    def __init__(
        self,
        source: ImagePool | Feed,
        batch_size: int,
        *,
        augment: AugmentRanges | None = None,
        plain_share: float = 0.0,
        degrade: DegradeRanges | None = None,
        size: int | None = None,
        dtype: torch.dtype = torch.float32,
        seed: int = 0,
        epochs: int | None = None,
        max_replay: float | None = None,
        balanced: bool = False,
        rank: int = 0,
        world_size: int = 1,
        mean: Sequence[float] = IMAGENET_DEFAULT_MEAN,
        std: Sequence[float] = IMAGENET_DEFAULT_STD,
    ) -> None:
        _check_source(source)
        check_numbers(batch_size, epochs, max_replay, rank, world_size, seed)
        check_plain_share(plain_share, epochs)
        check_batches(size, dtype, mean, std)
        self.pool = source if isinstance(source, ImagePool) else source.pool
        self.feed = None if isinstance(source, ImagePool) else source
        self.batch_size, self.seed, self.balanced = batch_size, seed, balanced
        self.rank, self.world_size = rank, world_size
        self.epochs, self.max_replay, self.plain_share = epochs, max_replay, plain_share
        self._maker = BatchMaker(
            self.pool,
            augment=augment or AugmentRanges(),
            degrade=degrade or DegradeRanges(),
            size=size or self.pool.image_size,
            dtype=dtype,
            seed=seed,
            rank=rank,
            world_size=world_size,
            mean=mean,
            std=std,
        )
        self._blocks = self._blocks_left()
        self._plan = EpochPlan(self._blocks, self.pool.capacity, epochs, max_replay)
        self._before = 0  # samples of the epochs that ended
        self._current: NDArray[np.int64] | None = None  # the slots of the epoch that was begun
        self._iteration: Callable[[], Generator[tuple[Tensor, Tensor]] | None] = lambda: None
        self.epoch = 0
        """How many epochs have ended."""
        self.batch = 0
        """How many batches of the current epoch were given out."""

    @property
    def size(self) -> int:
        """Height and width of the batches' images in pixels."""
        return self._maker.size

    @property
    def samples(self) -> int:
        """How many images were given out, to all ranks together."""
        return self._before + self._given()

    @property
    def replay_ratio(self) -> float:
        """Samples given out for each image generated, so far."""
        generated = self.feed.images if self.feed else len(self.pool)
        return self.samples / max(1, generated)

    @property
    def is_finished(self) -> bool:
        """Whether every epoch that was asked for has ended."""
        return self._current is None and self._plan.epoch(self.epoch) is None

    def __len__(self) -> int:
        """The batches of the current epoch, or of the next one."""
        return len(self._sizes())

    def total_epochs(self) -> int:
        """The epochs that were asked for; `InputError` where they have no end."""
        return len(self._plan.all())

    def total_batches(self, group: int = 1) -> int:
        """The batches of all epochs, `group` at a time, the last of an epoch fewer."""
        return sum(-(-len(self._split(epoch.samples)) // group) for epoch in self._plan.all())

    def check_passes(self) -> None:
        """Raise `InputError` where `max_replay` leaves not even one pass over the images."""
        check_passes(self._blocks, self.pool.capacity, self.epochs, self.max_replay)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One virtual epoch: what the pool holds, without replacement; nothing past the last one.

        Gives images `[B, 3, size, size]`, channels-last and normalised, and labels int64 `[B]` (or
        probabilities `[B, K]`, where the pool holds such), on the device, ready for work on the
        current stream. A batch's memory is used again once nobody holds it. The last batch is as
        small as what is left; one of a single image joins the one before, for batch normalisation
        needs two. Leaving early ends the epoch, and so does starting again.
        """
        self._leave()
        iteration = self._iterate()
        self._iteration = weakref.ref(iteration)
        return iteration

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is, and what the pool holds but for its pixels."""
        source = self.feed or self.pool
        return {
            VERSION: FORMAT,
            **written(self._identity()),
            **self._position(),
            "source": source.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`: the next batches are those that would have come, to the bit.

        A feed generates again what the pool held. Raises `InputError` for the state of another
        seed, batch size or number of ranks, of another order or augmentation, of other images, or
        of a format that this version does not know.
        """
        what, identity = "the loader's state", self._identity()
        check_state(state, (*identity, *self._position(), "source"), what)
        check_identity(state, identity, what)
        self._leave()
        (self.feed or self.pool).load_state_dict(state["source"])
        self.epoch, self.batch = state["epoch"], state["batch"]
        self._before = state["before"]
        self._current = self.pool.slots() if state["is_in_epoch"] else None

    def _leave(self) -> None:
        """End the iteration that was begun last, which somebody may still hold."""
        begun = self._iteration()
        if begun is not None:
            begun.close()

    def _iterate(self) -> Generator[tuple[Tensor, Tensor]]:
        if self._current is None and not self._begin_epoch():
            return
        slots = self._current
        assert slots is not None
        self.pool.begin_reading(slots)
        try:
            yield from self._batches(self._order(slots))
        finally:
            self.pool.end_reading(slots)
            self._before += self._given()
            self.epoch, self.batch, self._current = self.epoch + 1, 0, None

    def _identity(self) -> dict[str, Any]:
        """What decides the batches, beside the images."""
        # Left out where it is 0, as before it could be given.
        plain_share = {"plain_share": self.plain_share} if self.plain_share else {}
        return {
            "seed": self.seed,
            "batch_size": self.batch_size,
            "world_size": self.world_size,
            "balanced": self.balanced,
            "size": self._maker.size,
            "dtype": str(self._maker.dtype),
            "augmentation": self._maker.augment,
            **plain_share,
            "degradation": self._maker.degrade,
        }

    def _position(self) -> dict[str, int | bool]:
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "before": self._before,
            "is_in_epoch": self._current is not None,
        }

    def _blocks_left(self) -> list[int]:
        """How many images arrive at once: those that are there already first."""
        if self.feed is None:
            if not len(self.pool):
                raise InputError("the pool is empty: give it images first, or a feed")
            return [len(self.pool)]
        published, blocks = self.feed.published, self.feed.blocks
        first = [sum(blocks[:published])] if published else []
        return [*first, *blocks[published:]]

    def _begin_epoch(self) -> bool:
        """Publish what is due; False if there is no further epoch."""
        epoch = self._plan.epoch(self.epoch)
        if epoch is None:
            return False
        while self.feed is not None and self.feed.generated < epoch.generated:
            self.feed.advance()
        slots = self.pool.slots()
        if self.feed is not None and not len(slots):
            raise InputError(
                f"none of the {self.feed.generated} images so far can be used, for all were left "
                "out: try another precision, model or recipe"
            )
        self._current = slots
        return True

    def _split(self, images: int) -> list[int]:
        return batch_sizes(images, self.batch_size, self.world_size)

    def _sizes(self) -> list[int]:
        return self._split(self._samples_of_epoch())

    def _samples_of_epoch(self) -> int:
        """What the current or next epoch has for all ranks: less than planned if images lack."""
        epoch = self._plan.epoch(self.epoch)
        if epoch is None:
            return 0
        return epoch.samples if self._current is None else min(epoch.samples, len(self._current))

    def _given(self) -> int:
        """The images of the current epoch that were given out, to all ranks together."""
        return self.world_size * sum(self._sizes()[: self.batch]) if self.batch else 0

    def _order(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """The epoch's slots in the order in which the ranks take them in turn, as many each."""
        random = np.random.default_rng([self.seed, self.epoch])
        if self.balanced:
            slots = balanced_slots(slots, self.pool.labels_of(slots), random)
        return shuffled(slots, self._samples_of_epoch(), self.world_size, random)

    def _batches(self, order: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor]]:
        own = np.ascontiguousarray(order[self.rank :: self.world_size])
        sizes = self._sizes()
        ends = np.cumsum(sizes) * self.world_size
        begin = sum(sizes[: self.batch]) * self.world_size
        is_plain = self.plain_share > 0 and self._plan.is_at_the_end(self.epoch, self.plain_share)
        for batch in self._maker.batches(own, sizes, self.batch, self._before, is_plain):
            # All ranks' uses, so that all replace the same images.
            self.pool.count_uses(order[begin : ends[self.batch]])
            begin = ends[self.batch]
            self.batch += 1
            yield batch


def _check_source(source: Any) -> None:
    """Raise `InputError` unless `source` is what a loader draws from."""
    if not isinstance(source, ImagePool | Feed):
        raise InputError(
            f"a loader's source is of the type {type(source).__name__}: give a pool, such as "
            "ImagePool.of(images, labels, device), or a feed"
        )
