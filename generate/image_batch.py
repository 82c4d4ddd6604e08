"""Batches of finished images, as generators hand them over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.transfer import to_device
from .plan.samples import SampleSpec


@dataclass(frozen=True)
class ImageBatch:
    """Finished images and the specs that they follow from, in the same order."""

    specs: tuple[SampleSpec, ...]
    images: Tensor
    """uint8 `[B, size, size, 3]`, on the generator's device."""
    labels: Tensor
    """int64 `[B]`, on the generator's device."""
    ready: torch.cuda.Event | None = None
    """On a GPU, past from when on the images are there, for streams other than the current one."""
    rejections: tuple[tuple[str, ...], ...] = ()
    """For each image the reasons for which earlier attempts at it were rejected; of an empty tuple,
    every first attempt was accepted."""
    kept_despite: tuple[str, ...] = ()
    """For each image the reason for which a filter rejected it at its last attempt, or an empty
    string; of an empty tuple, none was."""
    seeds: tuple[int, ...] = ()
    """For each image the seed of its noise, which is another than its sample's where an earlier
    attempt was rejected; of an empty tuple, all are the samples'."""


def labels_of(specs: Sequence[SampleSpec], device: torch.device) -> Tensor:
    """The labels of `specs`, int64 `[B]`, on `device`."""
    return to_device(torch.tensor([spec.label for spec in specs]), device)
