"""Classifying in the space of a dual encoder: by texts of classes, or Gaussians of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...base import resolve_device
from ...base.transfer import to_device
from ...encoders import DualEncoder, GaussianClassifier, ZeroShotClassifier, load_encoder
from ...generate import ClassName
from .settings import ZeroshotSettings

_BLOCK = 256


@dataclass(frozen=True)
class FittedTo:
    """What Gaussians were fitted to."""

    source: str
    """A dataset, or a run's folder."""
    images: int
    shrinkage: float
    """Of their covariance, 0 to 1."""


@dataclass(frozen=True)
class FoundByEncoder:
    """What was made of images in the space of a dual encoder."""

    labels: Tensor
    """int64 `[N]`."""
    scores: Tensor
    """float32 `[N, K]`: probabilities, of each class by itself where the encoder was trained so and
    texts decide."""
    encoder: DualEncoder
    fitted_to: FittedTo | None
    """None where texts decide."""
    template_weights: Sequence[float] | None = None
    """None where all count the same."""

    def content(self, seconds: float) -> dict[str, Any]:
        """Figures as plain values."""
        encoder, fitted = self.encoder, self.fitted_to
        content: dict[str, Any] = {
            "encoder": encoder.kind,
            "dtype": str(encoder.dtype).removeprefix("torch."),
            "image_size": encoder.image_size,
            "dimension": encoder.dimension,
            "context_length": encoder.context_length,
            "long_texts": encoder.long_texts,
        }
        if self.template_weights is not None:
            content["template_weights"] = list(self.template_weights)
        if fitted is None:
            return content
        return {**content, "synthetic_images": fitted.images, "shrinkage": fitted.shrinkage}

    def rows(self) -> list[dict[str, Any]]:
        """The score of each class."""
        return [
            {"scores": [round(value, 6) for value in values]} for values in self.scores.tolist()
        ]

    def sentence(self, seconds: float) -> str:
        """What it took."""
        encoder, fitted = self.encoder, self.fitted_to
        told = f"encoder {encoder.name} ({encoder.kind}) at {encoder.image_size} pixels"
        if self.template_weights is not None:
            shares = ", ".join(f"{weight:.3g}" for weight in self.template_weights)
            told = f"{told}, templates weighted {shares}"
        if fitted is None:
            return told
        return f"Gaussians of {fitted.images:,} images of {fitted.source} (synthetic), {told}"


class ByEncoder:
    """A classifier on a dual encoder, for images of `image_size` pixels a side."""

    def __init__(
        self,
        classifier: ZeroShotClassifier | GaussianClassifier,
        image_size: int,
        fitted_to: FittedTo | None = None,
        template_weights: Sequence[float] | None = None,
    ) -> None:
        self._classifier, self._encoder = classifier, classifier.encoder
        self._image_size, self._fitted_to = image_size, fitted_to
        self._template_weights = template_weights

    @property
    def device(self) -> torch.device:
        return self._encoder.device

    @property
    def image_size(self) -> int:
        return self._image_size

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
        scores = self._classifier.scores(logits)
        return FoundByEncoder(
            logits.argmax(1), scores, self._encoder, self._fitted_to, self._template_weights
        )


def encoder_of(settings: ZeroshotSettings) -> DualEncoder:
    """The encoder that settings name, on the engine that they do."""
    assert settings.encoder is not None
    device = resolve_device(settings.device)
    return load_encoder(settings.encoder, device, settings.diffusion.engine)


def by_texts(settings: ZeroshotSettings, classes: Sequence[ClassName]) -> ByEncoder:
    """A zero-shot classifier made from settings."""
    encoder = encoder_of(settings)
    prompts = [item.prompt for item in classes]
    weights = settings.weighing.numbers
    classifier = ZeroShotClassifier(encoder, prompts, settings.templates, weights)
    return ByEncoder(classifier, encoder.image_size, template_weights=weights)
