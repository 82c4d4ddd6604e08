"""Using a finished run: testing its classifier on other data, and predicting single images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..base import resolve_device
from ..data.decode import read_image
from ..data.real import load_real_images
from ..data.settings import ReadSettings
from ..train.classifier.evaluate import evaluate
from ..train.classifier.saved import load_classifier
from .report.summary import TestFigures, test_figures

_AS_STORED = ReadSettings()


@dataclass(frozen=True)
class Prediction:
    """The likeliest class of an image file, and its probability."""

    path: str
    class_name: str
    probability: float


def evaluate_run(
    run: str | Path,
    data: str | Path,
    device: str = "auto",
    reading: ReadSettings = _AS_STORED,
) -> TestFigures:
    """Test a run's classifier on real images."""
    target = resolve_device(device)
    saved = load_classifier(Path(run), target)
    card = saved.card
    aliases = list(zip(card.prompts, card.classes, strict=True))
    real = load_real_images(data, card.classes, card.image_size, aliases, reading)
    result = evaluate(saved.model, real.images, real.labels, len(card.classes), target)
    return test_figures(result, real.source, card.classes)


def predict_files(
    run: str | Path, paths: Sequence[str | Path], device: str = "auto"
) -> list[Prediction]:
    """Classify image files with a run's classifier."""
    saved = load_classifier(Path(run), resolve_device(device))
    images = torch.stack([read_image(path, saved.card.image_size) for path in paths])
    best, rows = saved.predict(images).max(1)
    return [
        Prediction(str(path), saved.card.classes[row], probability)
        for path, row, probability in zip(paths, rows.tolist(), best.tolist(), strict=True)
    ]
