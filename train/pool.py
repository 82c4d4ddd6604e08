"""The pool: generated images in one tensor on the device, from which training draws its batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..engine.errors import InputError


class ImagePool:
    """Preallocated uint8 images `[N, S, S, 3]` and int64 labels `[N]` on one device.

    Every image has a slot of its own, so that the order in which they arrive changes nothing.
    """

    def __init__(self, capacity: int, image_size: int, device: torch.device) -> None:
        self._images = torch.empty(
            capacity, image_size, image_size, 3, dtype=torch.uint8, device=device
        )
        self._labels = torch.empty(capacity, dtype=torch.int64, device=device)
        self._filled = torch.zeros(capacity, dtype=torch.bool)  # on the host

    @classmethod
    def of(cls, images: Tensor, labels: Tensor, device: torch.device) -> ImagePool:
        """A full pool of given images, uint8 `[N, S, S, 3]`, and labels, int `[N]`."""
        if images.ndim != 4 or images.shape[-1] != 3 or images.shape[1] != images.shape[2]:
            raise InputError(
                f"images have the shape {tuple(images.shape)}: square NHWC, [N, S, S, 3], is needed"
            )
        if images.dtype != torch.uint8:
            raise InputError(f"images are {images.dtype}: torch.uint8 is needed")
        if len(images) != len(labels):
            raise InputError(f"{len(images)} images have {len(labels)} labels: give one for each")
        pool = cls(len(images), images.shape[1], device)
        pool.add(images, labels)
        return pool

    def __len__(self) -> int:
        return int(self._filled.sum())

    @property
    def device(self) -> torch.device:
        return self._images.device

    @property
    def image_size(self) -> int:
        return self._images.shape[1]

    @property
    def slots(self) -> Tensor:
        """The slots that hold an image, in order, int64 `[len]` on the host."""
        return self._filled.nonzero()[:, 0]

    @property
    def images(self) -> Tensor:
        """The images so far, in the order of their slots, `[len, S, S, 3]`."""
        return self._images[self.slots.to(self.device)]

    @property
    def labels(self) -> Tensor:
        """Their labels, `[len]`."""
        return self._labels[self.slots.to(self.device)]

    def add(self, images: Tensor, labels: Tensor, slots: Sequence[int] | None = None) -> None:
        """Copy images and labels into `slots`; by default those after the last one filled."""
        capacity = len(self._labels)
        if slots is None:
            first = int(self.slots[-1]) + 1 if len(self) else 0
            slots = range(first, first + len(images))
        if slots and not 0 <= min(slots) <= max(slots) < capacity:
            raise InputError(
                f"the pool has {capacity} slots, {max(slots) + 1} are needed: make it larger"
            )
        numbers = torch.tensor(slots, dtype=torch.int64)
        self._filled[numbers] = True
        numbers = numbers.to(self.device)
        self._images[numbers] = images.to(self.device)
        self._labels[numbers] = labels.to(self.device)

    def batches(
        self, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch: shuffled without replacement, the last batch as small as what is left.

        A last batch of one image joins the one before, for batch normalisation needs two.
        """
        order = torch.randperm(len(self), generator=generator, device=generator.device)
        chunks = list(self.slots.to(self.device)[order.to(self.device)].split(batch_size))
        if len(chunks) > 1 and len(chunks[-1]) == 1:
            chunks[-2:] = [torch.cat(chunks[-2:])]
        for rows in chunks:
            yield self._images[rows], self._labels[rows]
