"""The pool: generated images in one tensor on the device, from which training draws its batches."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..engine.errors import InputError


class ImagePool:
    """Preallocated uint8 images `[N, S, S, 3]` and int64 labels `[N]` on one device."""

    def __init__(self, capacity: int, image_size: int, device: torch.device) -> None:
        self._images = torch.empty(
            capacity, image_size, image_size, 3, dtype=torch.uint8, device=device
        )
        self._labels = torch.empty(capacity, dtype=torch.int64, device=device)
        self._filled = 0

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
        return self._filled

    @property
    def device(self) -> torch.device:
        return self._images.device

    @property
    def image_size(self) -> int:
        return self._images.shape[1]

    @property
    def images(self) -> Tensor:
        """The images so far, a view `[len, S, S, 3]`."""
        return self._images[: self._filled]

    @property
    def labels(self) -> Tensor:
        """Their labels, a view `[len]`."""
        return self._labels[: self._filled]

    def add(self, images: Tensor, labels: Tensor) -> None:
        """Copy images and labels into the next free slots."""
        end = self._filled + len(images)
        if end > len(self._labels):
            raise InputError(
                f"the pool has {len(self._labels)} slots, {end} are needed: make it larger"
            )
        self._images[self._filled : end] = images
        self._labels[self._filled : end] = labels
        self._filled = end

    def batches(
        self, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch: shuffled without replacement, the last batch as small as what is left.

        A last batch of one image joins the one before, for batch normalisation needs two.
        """
        order = torch.randperm(self._filled, generator=generator, device=generator.device)
        chunks = list(order.to(self.device).split(batch_size))
        if len(chunks) > 1 and len(chunks[-1]) == 1:
            chunks[-2:] = [torch.cat(chunks[-2:])]
        for rows in chunks:
            yield self._images[rows], self._labels[rows]
