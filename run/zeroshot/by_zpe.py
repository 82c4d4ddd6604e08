"""Classifying by templates that the images to classify weigh themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...data.source import load_unlabelled
from ...encoders import ZeroShotClassifier, embed_in_blocks, zpe_scores, zpe_weights
from ...encoders.zero_shot import texts_of
from ...generate import ClassName
from .by_encoder import ByEncoder, FoundByEncoder, encoder_of
from .settings import ZeroshotSettings


class ByZpe:
    """A zero-shot classifier whose templates' weights follow from all images that it is given."""

    def __init__(self, settings: ZeroshotSettings, classes: Sequence[ClassName]) -> None:
        self._encoder, self._templates = encoder_of(settings), settings.templates
        self._prompts = [item.prompt for item in classes]
        self._temperature = settings.weighing.prompt_temperature
        self._texts = texts_of(self._prompts, self._templates)
        self._pretraining: Tensor | None = None
        if (source := settings.weighing.pretraining) is not None:
            reading = replace(settings.reading, split=None)
            images = load_unlabelled(source, self._encoder.image_size, reading)
            self._pretraining = embed_in_blocks(self._encoder, images)
        self._weighted: ByEncoder | None = None

    @property
    def device(self) -> torch.device:
        return self._encoder.device

    @property
    def image_size(self) -> int:
        return self._encoder.image_size

    def blocks(
        self, images: Tensor, indices: Sequence[int], candidates: Tensor | None
    ) -> Iterator[Tensor]:
        """Logits `[N, K]` on the CPU, of all images together."""
        vectors = embed_in_blocks(self._encoder, images)
        scores = zpe_scores(self._encoder, self._texts, vectors, self._pretraining)
        weights = zpe_weights(scores, self._temperature)
        classifier = ZeroShotClassifier(self._encoder, self._prompts, self._templates, weights)
        self._weighted = ByEncoder(classifier, self.image_size, template_weights=weights)
        yield classifier.logits_of(vectors).cpu()

    def note(self, parts: Sequence[Tensor], seconds: float) -> str:
        """How fast it went so far."""
        return f"{sum(map(len, parts)) / seconds:.0f} images/s"

    def found(self, parts: Sequence[Tensor]) -> FoundByEncoder:
        """What the parts come to together."""
        assert self._weighted is not None
        return self._weighted.found(parts)
