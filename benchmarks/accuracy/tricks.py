"""What each trick against the gap between synthetic and real images does to the accuracy.

    zeroreal bench tricks --real FOLDER --result FILE

`FOLDER` holds Fashion-MNIST's IDX files. Each setting trains on the same 2,000 images of the
embedded model, over several seeds; what is measured is kept and not measured again.
The unlabelled real images for BatchNorm are the first of the training split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ...base import unknown
from ...data.fashion_mnist import as_rgb, load_fashion_mnist
from ...report.results.result import Figures, Row
from ...train import DegradeRanges, Trainer, TrainSettings, train_settings
from ...train.classifier.batch_norm import re_estimate
from ...train.classifier.evaluate import normalize
from ...train.settings import augmentation
from ..harness import SILENT, Progress
from .figures import both
from .kept import keep_figures
from .lever_settings import BASELINE, LEVERS
from .runs import Accuracy, AccuracyRuns
from .settings import TricksSettings

IMAGES = 2_000
NONE = "none"
BATCH_NORM = "re-estimated BatchNorm"
_REAL = 2_000  # unlabelled images for it

_DEFAULT = TrainSettings()
TRICKS: Mapping[str, TrainSettings] = {
    NONE: _DEFAULT,
    "resolution 24": replace(_DEFAULT, degrade=DegradeRanges(resolution=24)),
    "blur 1": replace(_DEFAULT, degrade=DegradeRanges(blur=1.0)),
    "noise 0.1": replace(_DEFAULT, degrade=DegradeRanges(noise=0.1)),
    "jpeg 50": replace(_DEFAULT, degrade=DegradeRanges(jpeg=50)),
    "strong augmentation": replace(_DEFAULT, augment=augmentation("strong")),
    "mixup 0.2": replace(_DEFAULT, mixup=0.2),
    "cutmix 1": replace(_DEFAULT, cutmix=1.0),
    BATCH_NORM: _DEFAULT,
    "preset fast": train_settings("fast"),
    "preset method": train_settings("method"),
}


def measure_tricks(settings: TricksSettings, progress: Progress = SILENT) -> Figures:
    """Measure what is not kept; what there is is kept after each training.

    Ctrl-C ends the measurement with the trainings that are finished. Raises `InputError` for
    settings that cannot be used.
    """
    for name in settings.tricks:
        if name not in TRICKS:
            raise unknown("trick", name, TRICKS)
    runs = AccuracyRuns(settings.images, settings.real, settings.device)
    unlabelled = as_rgb(load_fashion_mnist(settings.real, "train")[0][:_REAL], 32)
    found: dict[str, dict[int, Accuracy]] = {}

    def so_far(finished: bool) -> Figures:
        rows = (_row(name, by_seed) for name, by_seed in found.items())
        return Figures(tuple(rows), {"images": IMAGES}, finished=finished)

    try:
        for seed in settings.seeds:
            for name in settings.tricks or TRICKS:
                accuracy = _accuracy(name, seed, runs, unlabelled, settings.work)
                found.setdefault(name, {})[seed] = accuracy
                progress.tell(f"{name}, seed {seed}: {100 * accuracy.test:.2f} %")
                progress.keep(so_far(finished=False))
    except KeyboardInterrupt:
        return so_far(finished=False)
    return so_far(finished=True)


def _accuracy(name: str, seed: int, runs: AccuracyRuns, unlabelled: Tensor, work: Path) -> Accuracy:
    """Accuracy with a trick, taken from `work` if it is there."""
    train, adapts = TRICKS[name], name == BATCH_NORM

    def measure() -> dict[str, Any]:
        images, labels = runs.images(BASELINE, LEVERS[BASELINE], seed, IMAGES)
        trainer = runs.trained(images, labels, seed, train)
        if adapts:
            _adapt(trainer, unlabelled)
        return asdict(runs.tested(trainer))

    key = runs.accuracy_key(LEVERS[BASELINE], seed, IMAGES, train)
    key["batch_norm_images"] = len(unlabelled) if adapts else 0
    return Accuracy(**keep_figures(work, f"{name}-{seed}", key, measure))


def _adapt(trainer: Trainer, unlabelled: Tensor) -> None:
    size = trainer.settings.batch_size
    whole = unlabelled[: len(unlabelled) // size * size].to(trainer.device)
    re_estimate(trainer.model, (normalize(part) for part in whole.split(size)))


def _row(name: str, by_seed: Mapping[int, Accuracy]) -> Row:
    facts = {
        "seeds": list(by_seed),
        "settings": asdict(TRICKS[name]),
        "uses_real_images": name == BATCH_NORM,
    }
    return Row(name, metrics=both(by_seed), facts=facts, is_baseline=name == NONE)
