"""Near duplicates: images of a class whose perceptual hashes hardly differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...base.errors import InputError
from ..image_batch import labels_of
from ..plan.samples import SampleSpec
from .filter import ImageFilter, Verdict

_SIDE = 32  # pixels of the image that is transformed
_LOW = 8  # lowest frequencies in each direction
_BITS = _LOW * _LOW
_LUMA = (299, 587, 114)  # of red, green and blue, by ITU-R BT.601: whole, so that sums are exact


class DuplicateFilter(ImageFilter):
    """Rejects images that look like an earlier one of their class in the same unit of work.

    Earlier ones are those that were handed over, and rows before it in the same batch. Colour does
    not count. What is rejected depends on the order of images and on how they fall into batches,
    not on the number of workers: a unit of work, such as a shard, is always made by one worker in
    one order, and nothing is remembered beyond it. With another batch size other images may be
    rejected. Memory is 16 bytes for each image of the unit.

    Args:
        most_distance: how many of the 64 bits of two near duplicates differ at most. Within 4, of
            100 embedded-model images of a class in ten domains, 6 in 100 have an earlier one (17 in
            100 of those of one prompt, at 60 a class), which the eye takes for the same; two
            images of a class differ by 30 (18) as a rule, and an image from its JPEG of quality 75
            by at most 4 in 99.6 of 100 cases.

    Raises `InputError` for a distance that is not 0 to 63.
    """

    reason = "duplicate"

    def __init__(self, most_distance: int = 4) -> None:
        if not 0 <= most_distance < _BITS:
            raise InputError(
                f"the distance of duplicates is {most_distance} bits: choose 0 to {_BITS - 1}"
            )
        self._most_distance = most_distance
        self.begin()

    def begin(self) -> None:
        """Forget all images."""
        self._earlier: tuple[Tensor, Tensor] | None = None
        self._judged: tuple[Tensor, Tensor] | None = None

    def __call__(self, images: Tensor, specs: Sequence[SampleSpec]) -> Verdict:
        """Keep what is far from all earlier ones; the score is the distance to the nearest, 0..64.

        It is 64 where there is none. The verdict is on the host.
        """
        hashes, labels = perceptual_hash(images), labels_of(specs, images.device)
        self._judged = hashes, labels
        within = _distances(hashes, labels, hashes, labels).cpu()  # [B, B]
        nearest = torch.full((len(images),), float(_BITS))
        if self._earlier is not None:
            nearest = _distances(hashes, labels, *self._earlier).amin(1).cpu()
        keep = nearest > self._most_distance
        for row in range(1, len(images)):
            before = within[row, :row][keep[:row]]
            nearest[row] = min([float(nearest[row]), *before.tolist()])
            keep[row] = nearest[row] > self._most_distance
        return Verdict(keep, nearest)

    def handed_over(self, rows: Tensor) -> None:
        """Remember the images of these rows of the last call."""
        assert self._judged is not None, "images are judged before they are handed over"
        new = tuple(part[rows] for part in self._judged)
        earlier = self._earlier or tuple(part[:0] for part in new)
        hashes, labels = (torch.cat(parts) for parts in zip(earlier, new, strict=True))
        self._earlier = hashes, labels


def perceptual_hash(images: Tensor) -> Tensor:
    """The pHash of images, uint8 `[B, S, S, 3]`: 64 bits that change little where an image does.

    Of the grey image at 32x32 pixels, the 64 lowest frequencies of the discrete cosine transform
    (DCT-II): whether each is above their median. By Zauner, "Implementation and benchmarking of
    perceptual image hash functions" (2010), in the form of `imagehash.phash`, which shrinks with
    another filter. Bit 8v + u is of frequency v down and u across. int64 `[B]`.
    """
    red, green, blue = (images[..., channel] * float(_LUMA[channel]) for channel in range(3))
    grey = red + green + blue  # [B, S, S], 0..255000
    if grey.shape[1:] != (_SIDE, _SIDE):
        size = (_SIDE, _SIDE)
        grey = F.interpolate(grey[:, None], size, mode="bilinear", antialias=True)[:, 0]
    waves = _waves(images.device)
    # Rounded, so that what is 0, as in a symmetric image, is so in batches of every size.
    low = (waves @ grey.double() @ waves.T).flatten(1).round()  # [B, 64]
    middle = low.sort(1).values[:, _BITS // 2 - 1 : _BITS // 2 + 1].mean(1, keepdim=True)
    return ((low > middle).long() << torch.arange(_BITS, device=images.device)).sum(1)


def _waves(device: torch.device) -> Tensor:
    """The lowest frequencies of the DCT-II, not normalised, float64 `[8, 32]`."""
    frequencies = torch.arange(_LOW, device=device, dtype=torch.float64)[:, None]
    places = torch.arange(_SIDE, device=device, dtype=torch.float64) + 0.5
    return torch.cos(math.pi / _SIDE * frequencies * places)


def _distances(hashes: Tensor, labels: Tensor, others: Tensor, their_labels: Tensor) -> Tensor:
    """How many bits differ, float32 `[B, N]`; 64 between images of different classes."""
    differing = (_BITS - _signs(hashes) @ _signs(others).T) / 2
    return differing.where(labels[:, None] == their_labels, float(_BITS))


def _signs(hashes: Tensor) -> Tensor:
    """The bits as -1 and 1, float32 `[N, 64]`: a product is bits equal less bits that differ."""
    bits = hashes[:, None] >> torch.arange(_BITS, device=hashes.device) & 1
    return bits.float() * 2 - 1
