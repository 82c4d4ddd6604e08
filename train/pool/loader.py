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
from ...base.transfer import to_device
from ...kernels import AugmentRanges, augment, draw_augmentation
from ..settings import DegradeRanges
from .degrade import degrade
from .epochs import VirtualEpoch, virtual_epochs
from .feed import Feed
from .pool import ImagePool

__all__ = ["Loader"]

_DRAWN_AT_ONCE = 8192  # samples
_MOST_BUFFERS = 4
_POSITIONS = 2**32  # of the stream of augmentations


class Loader:
    """Batches of `source`'s images, each iteration one virtual epoch; see `__iter__`.

    Order and augmentation follow from `seed` and from what `source` holds: nothing else, so that a
    training can go on from `state_dict` to the bit, on as many ranks as before.

    Args:
        source: a pool; or a feed, which then publishes its blocks as the epochs begin.
        batch_size: images of a batch, on each rank.
        augment: random changes of the images.
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

    Raises `InputError` for numbers out of range and for an empty pool.
    """

    def __init__(
        self,
        source: ImagePool | Feed,
        batch_size: int,
        *,
        augment: AugmentRanges | None = None,
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
        if batch_size < 1:
            raise InputError(f"batch size is {batch_size}: at least 1 is needed")
        if not 0 <= rank < world_size:
            raise InputError(f"rank is {rank}: it must be 0 to {world_size - 1}")
        self.pool = source if isinstance(source, ImagePool) else source.pool
        self.feed = None if isinstance(source, ImagePool) else source
        self.batch_size, self.seed, self.balanced = batch_size, seed, balanced
        self.rank, self.world_size = rank, world_size
        self._augment = augment or AugmentRanges()
        self._degrade = degrade or DegradeRanges()
        self._size, self._dtype = size or self.pool.image_size, dtype
        self._mean, self._std = list(mean), list(std)
        self._images = _Buffers(self._empty_images)
        self._targets = _Buffers(self._empty_targets)
        self._epochs = self._plan_epochs(epochs, max_replay)
        self._planned: list[VirtualEpoch] = []
        self._is_endless = epochs is None
        self._before = 0  # samples of the epochs that ended
        self._current: NDArray[np.int64] | None = None  # the slots of the epoch that was begun
        self._iteration: Callable[[], Generator[tuple[Tensor, Tensor]] | None] = lambda: None
        self.epoch = 0
        """How many epochs have ended."""
        self.batch = 0
        """How many batches of the current epoch were given out."""

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
        return self._current is None and self._epoch_at(self.epoch) is None

    def __len__(self) -> int:
        """The batches of the current epoch, or of the next one."""
        return len(self._sizes())

    def total_epochs(self) -> int:
        """The epochs that were asked for; `InputError` where they have no end."""
        if self._is_endless:
            raise InputError("the loader has no end: give it a number of epochs")
        self._planned += self._epochs
        return len(self._planned)

    def total_batches(self, group: int = 1) -> int:
        """The batches of all epochs, `group` at a time, the last of an epoch fewer."""
        self.total_epochs()
        return sum(-(-len(self._split(epoch.samples)) // group) for epoch in self._planned)

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
        return {**self._identity(), **self._position(), "source": source.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`: the next batches are those that would have come, to the bit.

        A feed generates again what the pool held. Raises `InputError` for the state of another
        seed, batch size or number of ranks, of another order or augmentation, or of other images.
        """
        for name, value in self._identity().items():
            if state[name] != value:
                raise InputError(
                    f"the loader's state is of {name.replace('_', ' ')} {state[name]}, this one "
                    f"has {value}: go on with that, or start anew"
                )
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

    def _identity(self) -> dict[str, int | str]:
        """What decides the batches, beside the images."""
        return {
            "seed": self.seed,
            "batch_size": self.batch_size,
            "world_size": self.world_size,
            "balanced": self.balanced,
            "size": self._size,
            "dtype": str(self._dtype),
            "augmentation": repr(self._augment),
            "degradation": repr(self._degrade),
        }

    def _position(self) -> dict[str, int | bool]:
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "before": self._before,
            "is_in_epoch": self._current is not None,
        }

    def _plan_epochs(self, epochs: int | None, max_replay: float | None) -> Iterator[VirtualEpoch]:
        if self.feed is None:
            if not len(self.pool):
                raise InputError("the pool is empty: give it images first, or a feed")
            return virtual_epochs([len(self.pool)], len(self.pool), epochs, max_replay)
        published, blocks = self.feed.published, self.feed.blocks
        first = [sum(blocks[:published])] if published else []
        rest = blocks[published:]
        return virtual_epochs([*first, *rest], self.pool.capacity, epochs, max_replay)

    def _epoch_at(self, number: int) -> VirtualEpoch | None:
        while len(self._planned) <= number:
            following = next(self._epochs, None)
            if following is None:
                return None
            self._planned.append(following)
        return self._planned[number]

    def _begin_epoch(self) -> bool:
        """Publish what is due; False if there is no further epoch."""
        epoch = self._epoch_at(self.epoch)
        if epoch is None:
            return False
        while self.feed is not None and self.feed.generated < epoch.generated:
            self.feed.advance()
        self._current = self.pool.slots()
        return True

    def _split(self, images: int) -> list[int]:
        """The sizes of each rank's batches in an epoch over so many images."""
        share = -(-images // self.world_size)
        sizes = [min(self.batch_size, share - begun) for begun in range(0, share, self.batch_size)]
        if len(sizes) > 1 and sizes[-1] == 1:
            sizes[-2:] = [sizes[-2] + 1]
        return sizes

    def _sizes(self) -> list[int]:
        return self._split(self._samples_of_epoch())

    def _samples_of_epoch(self) -> int:
        """What the current or next epoch has for all ranks: less than planned if images lack."""
        epoch = self._epoch_at(self.epoch)
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
            slots = _balanced(slots, self.pool.labels_of(slots), random)
        order = random.permutation(slots)[: self._samples_of_epoch()]
        # Ranks must take as many steps: some images are seen twice.
        return np.resize(order, -(-len(order) // self.world_size) * self.world_size)

    def _batches(self, order: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor]]:
        ranks = self.world_size
        own = np.ascontiguousarray(order[self.rank :: ranks])
        rows = to_device(torch.from_numpy(own), self.pool.device)
        sizes = self._sizes()
        ends = np.cumsum(sizes)
        drawn = range(0)
        for number in range(self.batch, len(sizes)):
            end = int(ends[number])
            begin = end - sizes[number]
            if end > drawn.stop:
                drawn = range(begin, min(len(own), begin + max(_DRAWN_AT_ONCE, sizes[number])))
                parameters = self._draw(drawn)
            window = slice(begin - drawn.start, end - drawn.start)
            batch = self._fill(own[begin:end], rows[begin:end], parameters[window], begin)
            # All ranks' uses, so that all replace the same images.
            self.pool.count_uses(order[begin * ranks : end * ranks])
            self.batch = number + 1
            yield batch

    def _draw(self, places: range) -> Tensor:
        """The augmentation of this rank's images at `places` of the epoch."""
        positions = self._positions(places)
        side = self.pool.image_size
        target = (self._size, self._size)
        return draw_augmentation(self._augment, self.seed, positions, (side, side), target)

    def _positions(self, places: range) -> Tensor:
        """Where these images stand in the stream of all samples of all ranks."""
        places_on_device = torch.arange(places.start, places.stop, device=self.pool.device)
        return (self._before + places_on_device * self.world_size + self.rank) % _POSITIONS

    def _fill(
        self, slots: NDArray[np.int64], rows: Tensor, parameters: Tensor, begin: int
    ) -> tuple[Tensor, Tensor]:
        """The batch of the images in `slots`, which are `rows` on the device."""
        count = len(rows)
        images, targets = self._images.take(count), self._targets.take(count)
        torch.index_select(self.pool.target_storage, 0, rows, out=targets)
        source, rows = self.pool.gather(slots, rows)
        if self._degrade.active:
            positions = self._positions(range(begin, begin + count))
            source = degrade(source[rows], self._degrade, self.seed, positions)
            rows = torch.arange(count, device=rows.device)
        augment(images, source, rows, parameters, self._mean, self._std)
        return images, targets

    def _empty_images(self, count: int) -> Tensor:
        shape = (count, 3, self._size, self._size)
        return torch.empty(
            shape,
            dtype=self._dtype,
            device=self.pool.device,
            memory_format=torch.channels_last,
        )

    def _empty_targets(self, count: int) -> Tensor:
        stored = self.pool.target_storage
        return torch.empty((count, *stored.shape[1:]), dtype=stored.dtype, device=stored.device)


class _Buffers:
    """Tensors that are used again once nobody outside holds them."""

    def __init__(self, make: Callable[[int], Tensor]) -> None:
        self._make = make
        self._made: list[tuple[Tensor, int]] = []

    def take(self, count: int) -> Tensor:
        """A tensor of `count` rows, its content undefined."""
        for buffer, holders in self._made:
            if len(buffer) == count and _holders(buffer) == holders:
                return buffer.detach()
        buffer = self._make(count)
        self._made = [*self._made[-_MOST_BUFFERS:], (buffer, _holders(buffer))]
        return buffer.detach()  # another tensor on its memory: it counts for as long as it is held


def _holders(tensor: Tensor) -> int:
    """How many tensors share its memory, views and what autograd saved among them."""
    count: int = torch._C._storage_Use_Count(tensor.untyped_storage()._cdata)
    return count


def _balanced(
    slots: NDArray[np.int64], labels: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.int64]:
    """As many slots again, of each class as many: without replacement as long as it lasts."""
    classes = np.unique(labels)
    quotas = np.full(len(classes), len(slots) // len(classes))
    quotas[random.permutation(len(classes))[: len(slots) % len(classes)]] += 1
    chosen = []
    for label, quota in zip(classes, quotas, strict=True):
        own = slots[labels == label]
        rounds = -(-int(quota) // len(own))
        chosen.append(np.concatenate([random.permutation(own) for _ in range(rounds)])[:quota])
    return np.concatenate(chosen)
