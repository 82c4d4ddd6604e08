"""Images a second of training, from the pool against a cached batch and against timm's loop.

Cases are named by what ours is compared to and the side in pixels. `cached` is the free-loader
test: the same training of one batch, again and again. `timm` is a plain loop of timm's parts at the
same settings, of the same network, fed by timm's loader with as many workers as serve it best;
images lie decoded in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch

from ...base import InputError, resolve_device, resolve_precision, unknown
from ...kernels import AugmentRanges
from ...report.results.result import Figures
from ...train import ImagePool, Loader, Trainer, TrainSettings
from ...train.loop.training import Training
from ...train.settings import augmentation
from ..harness import SILENT, Contender, Progress, check_counts, timed
from ..harness.rates import RateCase, measure_rates
from ..loading.cached_loader import CachedLoader
from ..loading.loader_cases import AREA, ASPECT
from ..loading.loader_peer import best_workers
from .cases import CACHED, CASES, DEFAULT_CASES
from .settings import TrainingSettings
from .timm_training import PilImages, TimmTraining, timm_loader

OURS = "ours"
_CLASSES = 10
_LEARNING_RATE = 1e-3  # stays finite on labels that mean nothing
_WARM_UP_BATCHES = 3  # the first compiles, the second records CUDA graphs

Trained = TypeVar("Trained", Training, TimmTraining)


def measure_training(settings: TrainingSettings, progress: Progress = SILENT) -> Figures:
    """Measure; what there is is kept after every case.

    Ctrl-C ends the case in hand with the rounds that it has, and the measurement. Raises
    `InputError` for settings that cannot be used.
    """
    device, dtype = _check(settings)
    facts = {"precision": str(dtype).removeprefix("torch.")}
    names = settings.cases or DEFAULT_CASES[device.type]
    cases = (_Bench(name, settings, device, progress.tell).case() for name in names)
    return measure_rates(cases, settings.rounds, facts, progress)


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
    return device, dtype


class _Bench:
    """Makes the contenders of one case."""

    def __init__(
        self,
        name: str,
        settings: TrainingSettings,
        device: torch.device,
        tell: Callable[[str], None],
    ) -> None:
        self._name, self._case = name, CASES[name]
        self._settings, self._device, self._tell = settings, device, tell
        self._warm_up_epochs = -(-_WARM_UP_BATCHES // settings.batches)
        shape = (settings.images, self._case.stored, self._case.stored, 3)
        self._images = torch.randint(256, shape, dtype=torch.uint8)
        self._labels = torch.arange(settings.images) % _CLASSES
        crops = AugmentRanges(area=AREA, aspect=ASPECT, flip=0.5)  # which timm's loader has, too
        augment = augmentation("default") if self._case.against == CACHED else crops
        self._train = TrainSettings(
            epochs=settings.rounds + self._warm_up_epochs,
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
        return self._warmed_up(training)

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
        return self._warmed_up(training)

    def _warmed_up(self, training: Trained) -> Trained:
        for _ in range(self._warm_up_epochs):
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
