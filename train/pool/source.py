"""What a feed's images come from."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Protocol

import torch

from ...generate import ImageBatch, SampleSpec


class ImageSource(Protocol):
    """What generates images, on one device or on several."""

    device: torch.device

    def generate(
        self, specs: Iterable[SampleSpec], done: Container[int] = ()
    ) -> Iterator[ImageBatch]: ...
