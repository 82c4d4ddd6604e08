"""What each trick against the gap between synthetic and real images does to the accuracy.

    zeroreal bench tricks --real FOLDER --result FILE

`FOLDER` holds Fashion-MNIST's IDX files. Each setting trains on the same 2,000 images of the
embedded model, over several seeds; what is measured is kept and not measured again.
The unlabelled real images for BatchNorm are the first of the training split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ...base import resolve_device, unknown
from ...data.fashion_mnist import as_rgb, load_fashion_mnist
from ...train import DegradeRanges, Trainer, TrainSettings, train_settings
from ...train.classifier.batch_norm import re_estimate
from ...train.classifier.evaluate import normalize
from ...train.settings import augmentation
from ..harness import Tell, check_result_path, run_facts, silent, write_result
from .kept import keep_figures
from .runs import Accuracy, AccuracyRuns
from .summary import summarize_both

IMAGES = 2_000
BATCH_NORM = "re-estimated BatchNorm"
_REAL = 2_000  # unlabelled images for it

_DEFAULT = TrainSettings()
TRICKS: Mapping[str, TrainSettings] = {
    "none": _DEFAULT,
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


@dataclass(frozen=True)
class TricksSettings:
    """Which tricks are measured, and on what."""

    real: Path
    """The folder of Fashion-MNIST's IDX files."""
    tricks: tuple[str, ...] = tuple(TRICKS)
    """Names of `TRICKS`."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each makes its own images and its own training."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    images: Path = Path("build/levers")
    """Where images are kept, also those of the benchmark of levers."""
    work: Path = Path("build/tricks")
    """Where accuracies are kept."""
    result: Path | None = None
    """The file to write."""


def bench_tricks(settings: TricksSettings, tell: Tell = silent) -> dict[str, Any]:
    """Measure what is not kept, and give the result, which is written as well.

    Raises `InputError` for settings that cannot be used.
    """
    _check(settings)
    runs = AccuracyRuns(settings.images, settings.real, settings.device)
    unlabelled = as_rgb(load_fashion_mnist(settings.real, "train")[0][:_REAL], 32)
    rows: dict[str, dict[int, Accuracy]] = {}
    for seed in settings.seeds:
        for name in settings.tricks:
            accuracy = _accuracy(name, seed, runs, unlabelled, settings.work)
            rows.setdefault(name, {})[seed] = accuracy
            tell(f"{name}, seed {seed}: {100 * accuracy.test:.2f} %")
    result = {
        **run_facts(resolve_device(settings.device)),
        "images": IMAGES,
        "tricks": {name: _row(name, by_seed) for name, by_seed in rows.items()},
    }
    if settings.result is not None:
        write_result(settings.result, result)
    return result


def _check(settings: TricksSettings) -> None:
    for name in settings.tricks:
        if name not in TRICKS:
            raise unknown("trick", name, TRICKS)
    resolve_device(settings.device)
    if settings.result is not None:
        check_result_path(settings.result)


def _accuracy(name: str, seed: int, runs: AccuracyRuns, unlabelled: Tensor, work: Path) -> Accuracy:
    """Accuracy with a trick, taken from `work` if it is there."""
    train, adapts = TRICKS[name], name == BATCH_NORM

    def measure() -> dict[str, float]:
        images, labels = runs.images("baseline", {}, seed, IMAGES)
        trainer = runs.trained(images, labels, seed, train)
        if adapts:
            _adapt(trainer, unlabelled)
        return asdict(runs.tested(trainer))

    key = runs.accuracy_key({}, seed, IMAGES, train)
    key["batch_norm_images"] = len(unlabelled) if adapts else 0
    return Accuracy(**keep_figures(work, f"{name}-{seed}", key, measure))


def _adapt(trainer: Trainer, unlabelled: Tensor) -> None:
    size = trainer.settings.batch_size
    whole = unlabelled[: len(unlabelled) // size * size].to(trainer.device)
    re_estimate(trainer.model, (normalize(part) for part in whole.split(size)))


def _row(name: str, by_seed: Mapping[int, Accuracy]) -> dict[str, Any]:
    return {
        "settings": asdict(TRICKS[name]),
        "uses_real_images": name == BATCH_NORM,
        **summarize_both(by_seed),
    }
