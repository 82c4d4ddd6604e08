"""What every way of classifying without training has in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor


class Found(Protocol):
    """What was found of some images, on the CPU."""

    @property
    def labels(self) -> Tensor:
        """int64 `[N]`: their classes."""

    def content(self, seconds: float) -> dict[str, Any]:
        """Figures as plain values; `seconds` is what finding all took."""

    def rows(self) -> list[dict[str, Any]]:
        """What led to each image's class, as plain values."""

    def sentence(self, seconds: float) -> str:
        """What it took, for people."""


Part = TypeVar("Part")


class Approach(Protocol[Part]):
    """A way of classifying, ready to do so."""

    @property
    def device(self) -> torch.device: ...

    @property
    def image_size(self) -> int:
        """Side in pixels of the square images that it takes."""

    def blocks(
        self, images: Tensor, indices: Sequence[int], candidates: Tensor | None
    ) -> Iterator[Part]:
        """What is found of images uint8 `[N, image_size, image_size, 3]`, some at a time, in order.

        Args:
            images: on the CPU.
            indices: of the images, in the data.
            candidates: int64 `[N, C]`, the classes to decide among, in their rows; None: all.
        """

    def note(self, parts: Sequence[Part], seconds: float) -> str:
        """How fast it went so far."""

    def found(self, parts: Sequence[Part]) -> Found:
        """What the parts come to together."""
