"""Classifying by a dual encoder: the class whose texts are most like the image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...base import resolve_device
from ...base.transfer import to_device
from ...encoders import DualEncoder, ZeroShotClassifier, load_encoder
from ...generate import ClassName
from .settings import ZeroshotSettings

_BLOCK = 256


@dataclass(frozen=True)
class FoundByEncoder:
    """What a dual encoder made of images."""

    labels: Tensor
    """int64 `[N]`."""
    scores: Tensor
    """float32 `[N, K]`: probabilities, of each class by itself where the encoder was trained so."""
    encoder: DualEncoder

    def content(self, seconds: float) -> dict[str, Any]:
        """Figures as plain values."""
        encoder = self.encoder
        return {
            "encoder": encoder.kind,
            "dtype": str(encoder.dtype).removeprefix("torch."),
            "image_size": encoder.image_size,
            "dimension": encoder.dimension,
            "context_length": encoder.context_length,
            "long_texts": encoder.long_texts,
        }

    def rows(self) -> list[dict[str, Any]]:
        """The score of each class."""
        return [
            {"scores": [round(value, 6) for value in values]} for values in self.scores.tolist()
        ]

    def sentence(self, seconds: float) -> str:
        """What it took."""
        encoder = self.encoder
        return f"encoder {encoder.name} ({encoder.kind}) at {encoder.image_size} pixels"


class ByEncoder:
    """A zero-shot classifier made from settings."""

    def __init__(self, settings: ZeroshotSettings, classes: Sequence[ClassName]) -> None:
        assert settings.encoder is not None
        self._encoder = load_encoder(
            settings.encoder, resolve_device(settings.device), settings.diffusion.engine
        )
        prompts = [item.prompt for item in classes]
        self._classifier = ZeroShotClassifier(self._encoder, prompts, settings.templates)

    @property
    def device(self) -> torch.device:
        return self._encoder.device

    @property
    def image_size(self) -> int:
        return self._encoder.image_size

    def blocks(
        self, images: Tensor, indices: Sequence[int], candidates: Tensor | None
    ) -> Iterator[Tensor]:
        """Logits `[N, K]` on the CPU, a block of images at a time."""
        for part in images.split(_BLOCK):
            yield self._classifier.logits(to_device(part, self.device)).cpu()

    def note(self, parts: Sequence[Tensor], seconds: float) -> str:
        """How fast it went so far."""
        return f"{sum(map(len, parts)) / seconds:.0f} images/s"

    def found(self, parts: Sequence[Tensor]) -> FoundByEncoder:
        """What the parts come to together."""
        logits = torch.cat(list(parts))
        return FoundByEncoder(logits.argmax(1), self._classifier.scores(logits), self._encoder)
