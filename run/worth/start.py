"""Training the classifier of a run on real images, more and more, until it is better."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...base import InputError
from ...base.digest import key_digest
from ...base.files import write_atomically
from ...base.foreign import check_fields
from ...base.progress import OnStage, StageProgress
from ...base.reading import load_json
from ...base.sealed import DamagedFileError, read_sealed, sealed
from ...train import Trainer, TrainSettings
from ...train.loop.scalars import Scalars
from ..finished import FinishedRun, read_run
from ..folder import check_rights, read_config
from ..report.summary import METRICS
from .curve import equivalent
from .data import Halves, real_halves
from .settings import WorthSettings
from .worth import Worth, points_of

KEPT = "worth"
"""The sub-folder of a run with what each training came to."""
_RIGHT = "right"
_REMEDY = "restore the run's files, or run it again"
_MOST = 2**53  # images: more would be counted in steps of two
_ENOUGH = 0.02
"""How much better than the run the last point is: its interval then ends within the curve."""


def measure_worth(
    run: str | Path, settings: WorthSettings, on_progress: OnStage = lambda progress: None
) -> Worth:
    """Find how many real images train as good a classifier as those of a finished run.

    The same classifier is trained from scratch on ever more of `settings.data`, with as many
    updates of its weights as the run took, until it is clearly better or there are no more. What
    each training comes to is kept in the run's folder: given again, the command goes on from there.
    The result is written to the folder, too. Raises `InputError` for what cannot be used.
    """
    finished = read_run(Path(run))
    check_rights(finished.folder)
    halves = real_halves(finished, settings)
    curve = _Curve(finished, halves, settings, on_progress)
    logits = finished.saved.logits(halves.images[halves.tested])
    right_of_run = (logits.argmax(1) == halves.labels[halves.tested]).numpy()
    sizes: list[int] = []
    right: list[NDArray[np.bool_]] = []
    for of_class in curve.sizes():
        sizes.append(of_class * len(finished.classes))
        right.append(np.stack([curve.right(of_class, seed) for seed in range(settings.trainings)]))
        if right[-1].mean() > right_of_run.mean() + _ENOUGH:
            break
    found = np.stack(right)
    worth = Worth(
        synthetic=curve.run_images,
        accuracy=float(right_of_run.mean()),
        tested=len(halves.tested),
        source=halves.source,
        updates=curve.updates,
        points=points_of(sizes, found),
        equivalent=equivalent(sizes, found, right_of_run),
    )
    worth.write(finished.folder)
    return worth


@dataclass(frozen=True)
class _Training:
    replay_ratio: float


@dataclass(frozen=True)
class Figures:
    """What is read of a run's figures."""

    images: int
    training: _Training


class _Curve:
    """Trainings on real images, each kept once it is done."""

    def __init__(
        self, run: FinishedRun, halves: Halves, settings: WorthSettings, on_progress: OnStage
    ) -> None:
        self._run, self._halves, self._settings = run, halves, settings
        self._on_progress = on_progress
        of_run, _ = read_config(run.folder)
        self._classifier, self._amp, self._train = of_run.classifier, of_run.amp, of_run.train
        figures = read_figures(run.folder / METRICS)
        self.run_images = figures.images
        batch = self._train.batch_size * self._train.accumulate
        taken = max(1, math.ceil(figures.images * figures.training.replay_ratio / batch))
        self.updates = settings.updates or taken

    def sizes(self) -> Iterator[int]:
        """How many images of each class to train on, one after the other."""
        of_class = self._settings.least
        while of_class < self._halves.most:
            yield of_class
            of_class *= 2
        yield self._halves.most

    def right(self, of_class: int, seed: int) -> NDArray[np.bool_]:
        """Which of the tested images a training on so many images of each class tells right."""
        train = self._train_settings(of_class * len(self._run.classes))
        path = self._run.folder / KEPT / f"{of_class}-{seed}-{self._key(train, of_class, seed)}"
        kept = read_kept(path, len(self._halves.tested)) if path.exists() else None
        if kept is not None:
            return kept
        found = self._trained(of_class, seed, train)
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, sealed({_RIGHT: torch.from_numpy(found)}, ""))
        return found

    def _trained(self, of_class: int, seed: int, train: TrainSettings) -> NDArray[np.bool_]:
        halves, stage = self._halves, f"{of_class} a class"
        trainer = Trainer(
            self._classifier,
            num_classes=len(self._run.classes),
            image_size=self._run.description.image_size,
            settings=train,
            device=self._settings.device,
            precision=self._amp,
            seed=seed,
        )
        chosen = torch.from_numpy(halves.drawn(of_class, seed))
        each, total = train.epochs, train.epochs * self._settings.trainings

        def show(scalars: Scalars) -> None:
            done = seed * each + scalars.epoch
            self._on_progress(StageProgress(stage, done, total, f"training {seed + 1}"))

        trainer.fit(halves.images[chosen], halves.labels[chosen], on_scalars=show)
        predicted = trainer.predict(halves.images[halves.tested]).argmax(1)
        return (predicted == halves.labels[halves.tested]).numpy()

    def _train_settings(self, images: int) -> TrainSettings:
        """Those of the run, with the epochs that give as many updates."""
        batch = min(self._train.batch_size, images)
        of_epoch = math.ceil(math.ceil(images / batch) / self._train.accumulate)
        epochs = math.ceil(self.updates / of_epoch)
        return replace(self._train, batch_size=batch, epochs=epochs, max_replay=None)

    def _key(self, train: TrainSettings, of_class: int, seed: int) -> str:
        decides: dict[str, Any] = {
            "classifier": self._classifier,
            "precision": self._amp,
            "train": asdict(train),
            "data": self._halves.digest,
            "images": [of_class, seed],
            "device": self._settings.device,
        }
        return key_digest(decides)[:16]


def read_kept(path: Path, tested: int) -> NDArray[np.bool_] | None:
    """What the file of a training says; None where it is not what we wrote: it is done again."""
    with suppress(DamagedFileError):
        kept = read_sealed(path)
        found = kept.tensors.get(_RIGHT)
        if kept.text is not None and found is not None and found.shape == (tested,):
            return found.bool().numpy()
    return None


def read_figures(path: Path) -> Figures:
    """Those of a finished run; `InputError` where they are damaged."""
    where = f"figures {str(path)!r}"
    found = check_fields(Figures, load_json(path, "figures", _REMEDY), where, _REMEDY)
    if not 0 < found.images < _MOST or not 0 < found.training.replay_ratio < math.inf:
        raise InputError(
            f"{where} tell of {found.images} images and a replay ratio of "
            f"{found.training.replay_ratio}, which cannot be: {_REMEDY}"
        )
    return found
