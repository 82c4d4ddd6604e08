"""Classifying labelled real images without training, alone or after a trained classifier."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...assets import FASHION_MNIST_TEST
from ...assets.embedded import EMBEDDED_CLASSES
from ...base import InputError, resolve_device
from ...base.progress import OnStage, StageProgress
from ...data import LabelledImages, load_real_images
from ...generate import ClassName, parse_classes
from ...generate.plan.classes import prompt_aliases
from ...train.classifier.saved import SavedClassifier, load_classifier
from .approach import Approach, Found
from .by_diffusion import ByDiffusion
from .by_encoder import by_texts
from .by_gaussians import by_gaussians_of_dataset, by_gaussians_of_run
from .by_zpe import ByZpe
from .result import ZeroshotResult
from .settings import GAUSSIANS, ZeroshotSettings
from .share import balanced_order
from .weighing import ZPE


def run_zeroshot(
    settings: ZeroshotSettings, on_progress: OnStage = lambda progress: None
) -> ZeroshotResult:
    """Classify labelled real images without training.

    See `DiffusionClassifier` and, with an encoder, `ZeroShotClassifier` and `GaussianClassifier`.
    Interrupted by Ctrl-C, it ends with the images that are classified by then, if there are any.
    Raises `InputError` for settings and images that cannot be used.
    """
    saved = None
    if settings.run is not None:
        saved = load_classifier(Path(settings.run), resolve_device(settings.device))
    approach, classes = _approach(settings, saved, on_progress)
    real = _real_images(settings, classes, approach.image_size)
    order = balanced_order(real.labels, settings.seed, settings.images)
    candidates = None
    if saved is not None and settings.propose is not None:
        candidates = _proposed(settings, saved, classes, real)[order]
    found, seconds = _classified(approach, real.images[order], order, candidates, on_progress)
    done = order[: len(found.labels)]
    return ZeroshotResult(
        settings,
        approach.device,
        real.source,
        tuple(item.name for item in classes),
        planned=len(order),
        indices=done,
        labels=real.labels[done],
        found=found,
        seconds=seconds,
    )


def _approach(
    settings: ZeroshotSettings, saved: SavedClassifier | None, on_progress: OnStage
) -> tuple[Approach[Any], tuple[ClassName, ...]]:
    """What classifies, and the classes in label order."""
    if settings.synthetic is not None:
        named = None if settings.classes is None else parse_classes(settings.classes)
        return by_gaussians_of_dataset(settings, named, on_progress)
    classes = _classes(settings, saved)
    if settings.classifier == GAUSSIANS:
        assert saved is not None
        return by_gaussians_of_run(settings, classes, saved.card, on_progress), classes
    if settings.encoder is not None:
        if settings.weighing.prompt_weights == ZPE:
            return ByZpe(settings, classes), classes
        return by_texts(settings, classes), classes
    return ByDiffusion(settings, classes), classes


def _classes(settings: ZeroshotSettings, saved: SavedClassifier | None) -> tuple[ClassName, ...]:
    """The classes in label order, and what prompts call them."""
    if saved is None:
        return parse_classes(settings.classes or EMBEDDED_CLASSES)
    card = saved.card
    if settings.classes is None:
        classes = tuple(map(ClassName, card.classes, card.prompts))
    else:
        classes = parse_classes(settings.classes)
    names = [item.name for item in classes]
    if set(names) != set(card.classes):
        raise InputError(
            f"the classifier of run {settings.run!r} knows the classes {', '.join(card.classes)}, "
            f"not {', '.join(names)}: leave --classes out, or give another run"
        )
    if settings.propose is not None and settings.propose > len(names):
        raise InputError(
            f"propose is {settings.propose}, but there are {len(names)} classes: give that at most"
        )
    return classes


def _real_images(
    settings: ZeroshotSettings, classes: Sequence[ClassName], size: int
) -> LabelledImages:
    names, source = [item.name for item in classes], settings.data
    if source is None:
        if set(names) != {item.name for item in parse_classes(EMBEDDED_CLASSES)}:
            raise InputError(
                f"there are no images of {', '.join(names)} that ship: give labelled ones with "
                "--data"
            )
        source = str(FASHION_MNIST_TEST)
    return load_real_images(source, names, size, prompt_aliases(classes), settings.reading)


def _proposed(
    settings: ZeroshotSettings,
    saved: SavedClassifier,
    classes: Sequence[ClassName],
    real: LabelledImages,
) -> Tensor:
    """The likeliest classes of each image by a run's classifier: int64 `[N, propose]`."""
    assert settings.propose is not None
    images, size = real.images, saved.card.image_size
    if images.shape[1] != size:
        images = _real_images(settings, classes, size).images
    likeliest = saved.predict(images).topk(settings.propose).indices
    names = [item.name for item in classes]
    return torch.tensor([names.index(name) for name in saved.card.classes])[likeliest]


def _classified(
    approach: Approach[Any],
    images: Tensor,
    indices: Sequence[int],
    candidates: Tensor | None,
    on_progress: OnStage,
) -> tuple[Found, float]:
    """What is found block by block, until the end or Ctrl-C, and the seconds that it took."""
    parts, done, seconds = [], 0, 0.0
    began = time.perf_counter()
    try:
        for part in approach.blocks(images, indices, candidates):
            parts.append(part)
            seconds = time.perf_counter() - began
            done += len(part)
            on_progress(StageProgress("classify", done, len(images), approach.note(parts, seconds)))
    except KeyboardInterrupt:
        if not parts:
            raise
    return approach.found(parts), seconds
