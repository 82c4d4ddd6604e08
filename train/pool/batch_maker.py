"""Batches of the pool's images: gathered, degraded, augmented and normalised on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base.errors import InputError
from ...base.memory import is_out_of_memory
from ...base.transfer import to_device
from ...kernels import AugmentRanges, augment, draw_augmentation
from ..settings import DegradeRanges
from .buffers import Buffers
from .degrade import degrade
from .pool import ImagePool

_DRAWN_AT_ONCE = 8192  # samples
_POSITIONS = 2**32  # of the stream of augmentations


class BatchMaker:
    """Makes the batches of one rank; see `Loader` for the arguments.

    Each image's augmentation follows from the seed and from its position in the stream of all
    samples of all ranks, however these are put together into batches.
    """

    def __init__(
        self,
        pool: ImagePool,
        *,
        augment: AugmentRanges,
        degrade: DegradeRanges,
        size: int,
        dtype: torch.dtype,
        seed: int,
        rank: int,
        world_size: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        self.augment, self.degrade, self.size, self.dtype = augment, degrade, size, dtype
        self._pool, self._device, self._seed = pool, pool.device, seed
        self._rank, self._world_size = rank, world_size
        self._mean, self._std = list(mean), list(std)
        self._images = Buffers(self._empty_images)
        self._targets = Buffers(self._empty_targets)

    def batches(
        self,
        slots: NDArray[np.int64],
        sizes: Sequence[int],
        first: int,
        before: int,
        is_plain: bool,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of an epoch, from that of number `first` on.

        `slots` are this rank's in the epoch, `sizes` the sizes of its batches, and `before` is how
        many samples all ranks together had in earlier epochs; `is_plain` leaves out `augment`.
        Raises `InputError` where the device or the host runs out of memory.
        """
        rows = to_device(torch.from_numpy(slots), self._device)
        ends = np.cumsum(sizes)
        drawn = range(0)
        for number in range(first, len(sizes)):
            end = int(ends[number])
            begin = end - sizes[number]
            batch = None
            try:
                if end > drawn.stop:
                    most = max(_DRAWN_AT_ONCE, sizes[number])
                    drawn = range(begin, min(len(slots), begin + most))
                    parameters = self._draw(drawn, before, is_plain)
                own = parameters[begin - drawn.start : end - drawn.start]
                places = range(begin, end)
                batch = self._batch(slots[begin:end], rows[begin:end], own, places, before)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            if batch is None:  # and what the error held on to is free
                self._give_up(sizes[0])
            yield batch

    def _give_up(self, images: int) -> NoReturn:
        self._images.clear()
        self._targets.clear()
        raise InputError(
            f"{self._device} ran out of memory while a batch of {images} images of {self.size} "
            "pixels was put together: choose a smaller batch size or image size"
        )

    def _draw(self, places: range, before: int, is_plain: bool) -> Tensor:
        """The augmentation of this rank's images at `places` of the epoch."""
        positions = self._positions(places, before)
        source, target = (self._pool.image_size,) * 2, (self.size,) * 2
        ranges = AugmentRanges() if is_plain else self.augment
        return draw_augmentation(ranges, self._seed, positions, source, target)

    def _positions(self, places: range, before: int) -> Tensor:
        """Where these images stand in the stream of all samples of all ranks."""
        places_on_device = torch.arange(places.start, places.stop, device=self._device)
        return (before + places_on_device * self._world_size + self._rank) % _POSITIONS

    def _batch(
        self,
        slots: NDArray[np.int64],
        rows: Tensor,
        parameters: Tensor,
        places: range,
        before: int,
    ) -> tuple[Tensor, Tensor]:
        """The batch of the images in `slots`, which are `rows` on the device."""
        count = len(rows)
        images, targets = self._images.take(count), self._targets.take(count)
        torch.index_select(self._pool.target_storage, 0, rows, out=targets)
        source, rows = self._pool.gather(slots, rows)
        if self.degrade.active:
            positions = self._positions(places, before)
            source = degrade(source[rows], self.degrade, self._seed, positions)
            rows = torch.arange(count, device=rows.device)
        augment(images, source, rows, parameters, self._mean, self._std)
        return images, targets

    def _empty_images(self, count: int) -> Tensor:
        return torch.empty(
            (count, 3, self.size, self.size),
            dtype=self.dtype,
            device=self._device,
            memory_format=torch.channels_last,
        )

    def _empty_targets(self, count: int) -> Tensor:
        stored = self._pool.target_storage
        return torch.empty((count, *stored.shape[1:]), dtype=stored.dtype, device=stored.device)
