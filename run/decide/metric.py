"""How far classes are from each other, and the class that is nearest to what is likely."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ...base import resolve_device
from ...encoders import class_weights, load_encoder
from ..encoder_name import encoder_for
from .settings import BY_TEXTS, DecideSettings
from .tree import ClassTree

_AT_ONCE = 256  # images


class LabelMetric(Protocol):
    """Distances of classes, of which the first are the classifier's."""

    name: str
    labels: tuple[str, ...]

    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances of labels, int64 `[N]` each, or one of them `[1]`: float64 `[N]`."""
        ...

    def are_siblings(self, first: Tensor, second: Tensor) -> Tensor | None:
        """Whether two labels are right below the same name: bool `[N]`; None where none is."""
        ...

    def agreement(self, first: Tensor, second: Tensor) -> Tensor | None:
        """Whether two labels share the name at each level, from the top: bool `[N, levels]`.

        None where the metric is no tree.
        """
        ...


class TextDistances:
    """Euclidean distances of what an encoder makes of class names, unit vectors `[K, D]`."""

    def __init__(self, name: str, labels: Sequence[str], vectors: Tensor) -> None:
        self.name, self.labels = name, tuple(labels)
        self._vectors = vectors.double().cpu()

    def between(self, first: Tensor, second: Tensor) -> Tensor:
        apart: Tensor = self._vectors[first] - self._vectors[second]
        return apart.square().sum(1).sqrt()

    def are_siblings(self, first: Tensor, second: Tensor) -> None:
        return None

    def agreement(self, first: Tensor, second: Tensor) -> None:
        return None


def load_metric(
    settings: DecideSettings, classes: Sequence[str], prompts: Sequence[str], device: str
) -> LabelMetric | None:
    """The label metric of settings, of a classifier's classes; None where there is none.

    Raises `InputError` for a tree or an encoder that cannot be used.
    """
    if settings.label_metric is None:
        return None
    if settings.label_metric != BY_TEXTS:
        return ClassTree(Path(settings.label_metric), classes, prompts)
    chosen = encoder_for(settings.encoder, classes, "--encoder")
    encoder = load_encoder(chosen, resolve_device(device))
    name = f"texts by encoder {encoder.name}"
    return TextDistances(name, classes, class_weights(encoder, prompts))


def frechet_means(shares: Tensor, metric: LabelMetric) -> Tensor:
    """The label y with the least sum over classes k of p_k d(y, k)^2: int64 `[N]`.

    Roberts et al., "Geometry-Aware Adaptation for Pretrained Models", NeurIPS 2023 (Loki, arXiv
    2307.12226). `shares` are probabilities of the classifier's classes, `[N, K]`; y may be any of
    the metric's labels. Of labels that are equally good, it is the first.
    """
    every = torch.arange(len(metric.labels))
    squares = torch.stack(  # [K, L]
        [metric.between(torch.tensor([k]), every).square() for k in range(shares.shape[1])]
    )
    blocks = shares.double().split(_AT_ONCE)
    return torch.cat([(block @ squares).argmin(1) for block in blocks])
