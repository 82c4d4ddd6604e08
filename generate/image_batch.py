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


def labels_of(specs: Sequence[SampleSpec], device: torch.device) -> Tensor:
    """The labels of `specs`, int64 `[B]`, on `device`."""
    return to_device(torch.tensor([spec.label for spec in specs]), device)
