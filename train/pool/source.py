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


def replays_graphs(source: ImageSource) -> bool:
    """Whether `source` replays its work as CUDA graphs, which its `facts` say if it has any."""
    return bool(getattr(getattr(source, "facts", None), "cuda_graphs", False))
