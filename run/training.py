"""The work of a run: generating and training, and testing what came out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..base.progress import OnStage, StageProgress
from ..data import LabelledImages
from ..train import CheckpointFolder, EpochReport, Loader, Trainer
from ..train.classifier.batch_norm import re_estimate
from ..train.classifier.evaluate import (
    Evaluation,
    counted,
    normalize,
    predict_features,
    predict_logits,
)
from ..train.classifier.saved import ClassifierCard, save_classifier
from ..train.loop.scalars import ScalarLog, Scalars
from .decide.figures import DecidingFigures
from .identity import images_identity, selection_identity
from .parts import Parts
from .selection.figures import SelectionFigures
from .selection.select import select_in_pool

SELECT = "select"
"""The stage in which images are selected."""


@dataclass(frozen=True)
class Trained:
    """What training came to."""

    epochs: tuple[EpochReport, ...]
    replay_ratio: float
    """How often each image was trained on, on average."""
    samples: int
    """How many images were trained on, each as often as it was."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """What each stage took."""
    selection: SelectionFigures | None = None
    """None where all images were trained on."""


@dataclass(frozen=True)
class SampledFeatures:
    """On what the last layer was trained on after training."""

    per_class: int
    accuracy_before: float | None
    """On the test images, with the last layer of before; None where nothing was tested."""


@dataclass(frozen=True)
class Tested:
    """What the test came to."""

    counts: Evaluation
    """Of the likeliest classes."""
    deciding: DecidingFigures | None
    """The same and decisions by how far classes are from each other; None without a metric."""
    former: Evaluation | None
    """The same with the last layer of before sampled features trained it; None without those."""
    seconds: float
    """What it and reading the images took."""


def train(parts: Parts, folder: Path, on_progress: OnStage) -> Trained:
    """Generate and train, in turn or at once, from where a checkpoint in `folder` stands."""
    began = time.perf_counter()
    feed, trainer = parts.feed, parts.trainer
    on_progress(StageProgress(parts.stage, feed.written, parts.planned))
    if parts.clock is not None:
        parts.clock.start()
        feed.fill()  # how many there will be shows only then
    selection, selecting = _select(parts, on_progress)
    is_filled = parts.clock is not None or selection is not None
    loader = trainer.loader(parts.pool if is_filled else feed)
    on_progress(StageProgress("train", 0, loader.total_epochs()))
    log = _Log(folder, is_kept=parts.ranks.is_first)
    try:
        epochs = _fit(parts, loader, folder, log, on_progress)
    finally:
        log.close()
    seconds = dict(parts.source.seconds.totals)
    seconds |= selecting
    seconds["train"] = time.perf_counter() - began - feed.waited - sum(selecting.values())
    parts.close()
    if parts.unlabelled is not None:
        _adapt_batch_norm(trainer, parts.unlabelled)
    samples = parts.pool.samples
    return Trained(tuple(epochs), log.replay_ratio, samples, seconds, selection)


def save(parts: Parts, folder: Path) -> None:
    """Write the trained classifier."""
    prompts = tuple(item.prompt for item in parts.classes)
    card = ClassifierCard(
        parts.settings.classifier,
        parts.names,
        prompts,
        parts.image_size,
        parts.settings.train.least_map,
    )
    save_classifier(folder, parts.trainer.model, card)


def test(parts: Parts) -> Tested | None:
    """Test the trained classifier; None without real images."""
    if parts.test is None:
        return None
    began = time.perf_counter()
    trainer, labels, deciding = parts.trainer, parts.test.labels, None
    logits = predict_logits(trainer.model, parts.test.images, trainer.device, trainer.image_size)
    counts = counted(logits, labels, trainer.num_classes)
    if parts.decider is not None:
        steps = list(parts.decider.steps(logits.softmax(1), None))
        deciding = parts.decider.figures(steps, labels)
    former = _former(trainer, parts.test)
    return Tested(counts, deciding, former, parts.reading_seconds + time.perf_counter() - began)


def _former(trainer: Trainer, test: LabelledImages) -> Evaluation | None:
    if trainer.former_head is None:
        return None
    features = predict_features(trainer.model, test.images, trainer.device, trainer.image_size)
    with torch.no_grad():
        return counted(trainer.former_head(features), test.labels, trainer.num_classes)


def _select(parts: Parts, on_progress: OnStage) -> tuple[SelectionFigures | None, dict[str, float]]:
    """What was kept of all images, where some are to be selected, and what that took."""
    if parts.settings.selection.select is None:
        return None, {}
    parts.feed.fill()
    began, images = time.perf_counter(), len(parts.pool)
    on_progress(StageProgress(SELECT, 0, images))
    found = select_in_pool(parts)
    on_progress(StageProgress(SELECT, images, images, f"{found.total.kept} kept"))
    return found, {SELECT: time.perf_counter() - began}


def _fit(
    parts: Parts, loader: Loader, folder: Path, log: _Log, on_progress: OnStage
) -> list[EpochReport]:
    def show(epoch: EpochReport) -> None:
        note = f"loss {epoch.loss:.3f}"
        on_progress(StageProgress("train", epoch.epoch, epoch.epochs, note))

    identity = {
        **parts.trainer.identity,
        "images": images_identity(parts),
        "selection": selection_identity(parts),
    }
    states = CheckpointFolder(folder, identity)
    return parts.trainer.fit(
        loader,
        on_epoch=show,
        states=None if parts.clock else states,
        state_seconds=parts.settings.checkpoint_seconds,
        on_scalars=log.write,
    )


class _Log:
    """The log of scalars, opened with the first of them, by the first process alone."""

    def __init__(self, folder: Path, is_kept: bool) -> None:
        self.replay_ratio = 0.0
        self._folder, self._is_kept = folder, is_kept
        self._file: ScalarLog | None = None

    def write(self, scalars: Scalars) -> None:
        self.replay_ratio = scalars.replay_ratio
        if not self._is_kept:
            return
        if self._file is None:
            self._file = ScalarLog(self._folder, resume_step=scalars.step - 1)
        self._file.write(scalars)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _adapt_batch_norm(trainer: Trainer, images: Tensor) -> None:
    size = trainer.settings.batch_size
    # A short last batch would count as much as the others.
    whole = images[: max(len(images) // size, 1) * size]
    device: torch.device = trainer.device
    re_estimate(trainer.model, (normalize(part.to(device)) for part in whole.split(size)))
