"""Fitting Gaussians to the synthetic images of a finished run or of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ...base import InputError
from ...base.progress import OnStage, StageProgress
from ...encoders import ClassGaussians, DualEncoder, GaussianClassifier, embed_in_blocks
from ...generate import ClassName
from ...train.classifier.saved import ClassifierCard
from ..regenerated import check_finished, images_again
from ..stored.images import StoredImages
from .by_encoder import ByEncoder, FittedTo, encoder_of
from .settings import ZeroshotSettings


def by_gaussians_of_run(
    settings: ZeroshotSettings,
    classes: Sequence[ClassName],
    card: ClassifierCard,
    on_progress: OnStage,
) -> ByEncoder:
    """Gaussians of the images that a finished run was trained on, made or read again.

    Real images are then brought to the run's size, as those were. Raises `InputError` where what
    they come from has changed.
    """
    assert settings.run is not None
    folder, encoder = Path(settings.run), encoder_of(settings)
    check_finished(folder)
    images, labels = images_again(folder, card, settings.device, on_progress)
    names = [item.name for item in classes]
    labels = torch.tensor([names.index(name) for name in card.classes])[labels]
    vectors = embed_in_blocks(encoder, images)
    gaussians = ClassGaussians(vectors, labels, names)
    return _approach(encoder, card.image_size, settings.run, gaussians)


def by_gaussians_of_dataset(
    settings: ZeroshotSettings, classes: Sequence[ClassName] | None, on_progress: OnStage
) -> tuple[ByEncoder, tuple[ClassName, ...]]:
    """Gaussians of the images of a dataset, and its classes where `classes` are None.

    Its images and real ones are brought to the encoder's size. Raises `InputError` for what cannot
    be read, and images of classes that are not in `classes`.
    """
    assert settings.synthetic is not None
    encoder, source = encoder_of(settings), settings.synthetic
    reading = replace(settings.reading, split=settings.synthetic_split)
    stored = StoredImages(source, encoder.device, encoder.image_size, classes, reading)
    vectors, labels, done = [], [], 0
    for batch in stored.generate(stored.plan):
        vectors.append(encoder.embed_images(batch.images))
        labels.append(batch.labels)
        done += len(batch.labels)
        on_progress(StageProgress("read", done, len(stored)))
    if not vectors:
        raise InputError(f"dataset {source!r} has no image that can be read: restore it")
    names = [item.name for item in stored.classes]
    gaussians = ClassGaussians(torch.cat(vectors), torch.cat(labels), names)
    return _approach(encoder, encoder.image_size, source, gaussians), stored.classes


def _approach(
    encoder: DualEncoder, image_size: int, source: str, gaussians: ClassGaussians
) -> ByEncoder:
    fitted_to = FittedTo(source, gaussians.count, gaussians.shrinkage)
    return ByEncoder(GaussianClassifier(encoder, gaussians), image_size, fitted_to)
