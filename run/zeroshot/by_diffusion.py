"""Classifying by the diffusion model itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...generate import Classified, ClassName, DiffusionClassifier
from ...generate.diffusion_classifier.classified import joined
from .settings import ZeroshotSettings


@dataclass(frozen=True)
class FoundByDiffusion:
    """What a diffusion model made of images."""

    classified: Classified
    stages: str
    """As settings take them."""
    dtype: torch.dtype
    """What the UNet computed in."""
    batch_size: int
    """Evaluations of the UNet together."""

    @property
    def labels(self) -> Tensor:
        return self.classified.labels

    @property
    def evaluations_per_image(self) -> float:
        """Of the UNet."""
        return self.classified.evaluations / len(self.classified)

    def content(self, seconds: float) -> dict[str, Any]:
        """Figures as plain values."""
        return {
            "stages": self.stages,
            "dtype": str(self.dtype).removeprefix("torch."),
            "batch_size": self.batch_size,
            "evaluations": self.classified.evaluations,
            "evaluations_per_image": self.evaluations_per_image,
            "evaluations_per_second": self.classified.evaluations / seconds,
        }

    def rows(self) -> list[dict[str, Any]]:
        """The errors of each image; one is null where a class was no candidate."""
        return [{"errors": _known(values)} for values in self.classified.errors.tolist()]

    def sentence(self, seconds: float) -> str:
        """What it took."""
        return (
            f"{self.evaluations_per_image:.0f} evaluations of the UNet an image (stages "
            f"{self.stages}), {self.classified.evaluations / seconds:.0f} a second"
        )


class ByDiffusion:
    """A diffusion classifier made from settings."""

    def __init__(self, settings: ZeroshotSettings, classes: Sequence[ClassName]) -> None:
        stages = settings.diffusion.stages_for(settings.propose is not None)
        self._stages = ",".join(map(str, stages))
        self._classifier = DiffusionClassifier(
            classes, settings.diffusion, device=settings.device, seed=settings.seed
        )

    @property
    def device(self) -> torch.device:
        return self._classifier.device

    @property
    def image_size(self) -> int:
        return self._classifier.image_size

    def blocks(
        self, images: Tensor, indices: Sequence[int], candidates: Tensor | None
    ) -> Iterator[Classified]:
        """See `DiffusionClassifier.blocks`."""
        return self._classifier.blocks(images, indices, candidates)

    def note(self, parts: Sequence[Classified], seconds: float) -> str:
        """How fast it went so far."""
        return f"{sum(part.evaluations for part in parts) / seconds:.0f} evaluations/s"

    def found(self, parts: Sequence[Classified]) -> FoundByDiffusion:
        """What the parts come to together."""
        classifier = self._classifier
        return FoundByDiffusion(
            joined(parts), self._stages, classifier.dtype, classifier.batch_size
        )


def _known(errors: list[float]) -> list[float | None]:
    return [None if math.isnan(value) else round(value, 6) for value in errors]
