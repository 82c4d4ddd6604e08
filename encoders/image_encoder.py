"""The image encoder of a dual encoder, taken apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class ImageEncoder:
    """Images uint8 `[N, 3, H, W]` to vectors `[N, D]`, in two parts."""

    process: Callable[[Tensor], dict[str, Tensor]]
    """The library's own image processing: to what the network takes, by name."""
    network: nn.Module

    def __call__(self, images: Tensor) -> Tensor:
        """The vectors; they are not of unit length."""
        vectors: Tensor = self.network(**self.process(images))
        return vectors
