"""Images a second of training, from the pool against a cached batch and against timm's loop.

    zeroreal bench training --device cpu --result FILE

Cases are named by what ours is compared to and the side in pixels. `cached` is the free-loader
test: the same training of one batch, again and again. `timm` is a plain loop of timm's parts at the
same settings, of the same network, fed by timm's loader with as many workers as serve it best;
images lie decoded in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...base import InputError, resolve_device, resolve_precision, unknown
from ...kernels import AugmentRanges
from ...train import ImagePool, Loader, Trainer, TrainSettings
from ...train.loop.training import Training
from ...train.settings import augmentation
from ..harness import (
    Contender,
    Tell,
    check_counts,
    check_result_path,
    run_facts,
    silent,
    timed,
)
from ..harness.rates import RateCase, bench_rates
from ..loading.cached_loader import CachedLoader
from ..loading.loader_cases import AREA, ASPECT
from ..loading.loader_peer import best_workers
from .cases import CACHED, CASES, DEFAULT_CASES
from .timm_training import PilImages, TimmTraining, timm_loader

OURS = "ours"
_CLASSES = 10
_LEARNING_RATE = 1e-3  # stays finite on labels that mean nothing


@dataclass(frozen=True)
class TrainingSettings:
    """What is trained, and how often."""

    cases: tuple[str, ...] = ()
    """Names of `CASES`; by default those for the type of device."""
    batch_size: int = 64
    """Images of a batch."""
    batches: int = 16
    """Batches of a round."""
    precision: str = "auto"
    """What training computes in: `auto`, `fp32` or `bf16`."""
    compile: bool = False
    """Compile the classifier: ours, from the pool and from the cached batch, not timm's."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    rounds: int = 7
    """How often each contender trains on all images."""
    result: Path | None = None
    """The file to write."""

    @property
    def images(self) -> int:
        """Number of images in memory, and in each round."""
        return self.batch_size * self.batches


def bench_training(settings: TrainingSettings, tell: Tell = silent) -> dict[str, Any]:
    """Measure, and give the result, which is written after every case as well.

    Ctrl-C ends the case in hand with the rounds that it has, and the measurement. Raises
    `InputError` for settings that cannot be used.
    """
    device, dtype = _check(settings)
    facts = {
        **run_facts(device),
        "threads": torch.get_num_threads(),
        "precision": str(dtype).removeprefix("torch."),
        "compile": settings.compile,
        "batch_size": settings.batch_size,
    }
    names = settings.cases or DEFAULT_CASES[device.type]
    cases = (_Bench(name, settings, device, tell).case() for name in names)
    return bench_rates(cases, settings.rounds, facts, settings.result, tell)


def _check(settings: TrainingSettings) -> tuple[torch.device, torch.dtype]:
    for name in settings.cases:
        if name not in CASES:
            raise unknown("training case", name, CASES)
    check_counts({"batch size": settings.batch_size}, least=2)
    check_counts({"batches": settings.batches, "rounds": settings.rounds})
    device = resolve_device(settings.device)
    dtype = resolve_precision(settings.precision, device)
    if dtype is torch.float16:
        raise InputError("timm's loop does not scale its loss for fp16: choose bf16 or fp32")
    if settings.result is not None:
        check_result_path(settings.result)
    return device, dtype


class _Bench:
    """Makes the contenders of one case."""

    def __init__(
        self,
        name: str,
        settings: TrainingSettings,
        device: torch.device,
        tell: Tell,
    ) -> None:
        self._name, self._case = name, CASES[name]
        self._settings, self._device, self._tell = settings, device, tell
        shape = (settings.images, self._case.stored, self._case.stored, 3)
        self._images = torch.randint(256, shape, dtype=torch.uint8)
        self._labels = torch.arange(settings.images) % _CLASSES
        crops = AugmentRanges(area=AREA, aspect=ASPECT, flip=0.5)  # which timm's loader has, too
        augment = augmentation("default") if self._case.against == CACHED else crops
        self._train = TrainSettings(
            epochs=settings.rounds + 1,  # the first warms up
            batch_size=settings.batch_size,
            learning_rate=_LEARNING_RATE,
            compile=settings.compile,
            augment=augment,
        )

    def case(self) -> RateCase:
        """Both contenders, warmed up."""
        case = self._case
        facts: dict[str, Any] = {"classifier": case.classifier, "side": case.size}
        if case.against == CACHED:
            peer: Training | TimmTraining = self._ours(CachedLoader)
        else:
            self._tell(f"{self._name}: looking for timm's best number of workers")
            dataset = PilImages(self._images, self._labels)
            workers, tried = best_workers(lambda count: self._seconds(self._timm(dataset, count)))
            rates = {str(count): self._settings.images / tried[count] for count in tried}
            facts |= {"workers": workers, "images_per_second_by_workers": rates}
            peer = self._timm(dataset, workers)
        contenders = {case.against: peer, OURS: self._ours(Loader)}
        return RateCase(
            self._name,
            self._settings.images,
            [Contender(name, partial(self._seconds, one)) for name, one in contenders.items()],
            facts,
        )

    def _seconds(self, training: Training | TimmTraining) -> float:
        return timed(training.epoch, self._device)

    def _ours(self, loader: type[Loader]) -> Training:
        trainer, train = self._trainer(), self._train
        training = Training(
            trainer.model,
            loader(
                ImagePool.of(self._images, self._labels, self._device),
                train.batch_size,
                augment=train.augment,
                size=self._case.size,
                dtype=trainer.dtype,
                epochs=train.epochs,
            ),
            train,
            num_classes=_CLASSES,
            dtype=trainer.dtype,
            seed=trainer.seed,
        )
        training.epoch()
        return training

    def _timm(self, dataset: PilImages, workers: int) -> TimmTraining:
        trainer, train = self._trainer(), self._train
        loader = timm_loader(
            dataset,
            self._case.size,
            train.batch_size,
            train.augment,
            workers,
            self._device,
        )
        training = TimmTraining(trainer.model, loader, train, self._device, trainer.dtype)
        training.epoch()
        return training

    def _trainer(self) -> Trainer:
        """Holds a new network, the same one each time."""
        return Trainer(
            self._case.classifier,
            num_classes=_CLASSES,
            image_size=self._case.size,
            settings=self._train,
            device=str(self._device),
            precision=self._settings.precision,
        )
