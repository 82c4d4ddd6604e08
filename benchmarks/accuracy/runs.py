"""Accuracy of a classifier trained on a setting's images, on test and on held-out real images.

Images and accuracies are kept in a folder, each under a digest of the settings that decided it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from ...assets import FASHION_MNIST_TEST
from ...base import InputError, resolve_device
from ...base.files import write_atomically
from ...data import load_real_images
from ...data.fashion_mnist import as_rgb, load_fashion_mnist
from ...generate import Generator, SamplePlan, load_recipe, parse_classes
from ...generate.plan.classes import prompt_aliases
from ...generate.plan.content import recipe_content
from ...run import RunSettings
from ...train import Trainer, TrainSettings
from .kept import keep_figures, kept_path

IMAGE_SIZE = 32
_CHUNK = 1_000  # images of a file
# Not tuned: which engine is the fastest must not decide over accuracy.
_ENGINE: Mapping[str, Any] = {"engine": "torch", "tune": "off"}
_SPLIT = 60_000  # images of Fashion-MNIST's training split
_HELD_OUT = 5_000  # at its end, which the embedded model has not seen


@dataclass(frozen=True)
class Accuracy:
    """Of one classifier."""

    test: float
    """On the shipped test set, for reports."""
    held_out: float | None
    """On the end of Fashion-MNIST's training split, for choices; None without its files."""

    @property
    def held_out_error(self) -> float:
        """The share of held-out images that were told wrong."""
        assert self.held_out is not None, "a table of choices needs held-out images"
        return 1 - self.held_out


class AccuracyRuns:
    """Generates, trains and tests with the defaults of `zeroreal run` but for what is changed.

    Args:
        work: the folder where everything is kept.
        real: holds Fashion-MNIST's IDX files; None leaves held-out images out.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises `InputError` for files that hold another number of images.
    """

    def __init__(self, work: Path, real: Path | None, device: str) -> None:
        self._work, self._device, self._real = work, device, real
        self._settings = RunSettings()
        self._classes = parse_classes(self._settings.classes)
        names = [item.name for item in self._classes]
        test = load_real_images(
            FASHION_MNIST_TEST, names, IMAGE_SIZE, prompt_aliases(self._classes)
        )
        self._test = test.images, test.labels
        self._held_out: tuple[Tensor, Tensor] | None = None
        if real is not None:
            images, labels = load_fashion_mnist(real, "train")
            if len(images) != _SPLIT:
                raise InputError(
                    f"{str(real)!r} holds {len(images):,} of Fashion-MNIST's {_SPLIT:,} training "
                    "images, of which the last are held out: give all of them with --real"
                )
            self._held_out = as_rgb(images[-_HELD_OUT:], IMAGE_SIZE), labels[-_HELD_OUT:]

    def accuracy(self, name: str, change: Mapping[str, Any], seed: int, images: int) -> Accuracy:
        """Of a classifier trained on the first `images` images of the setting called `name`."""

        def measure() -> dict[str, Any]:
            trainer = self.trained(*self.images(name, change, seed, images), seed)
            return asdict(self.tested(trainer))

        key = self.accuracy_key(change, seed, images, self._settings.train)
        folder = self._work / "accuracies"
        return Accuracy(**keep_figures(folder, f"{name}-{images}-{seed}", key, measure))

    def images(
        self, name: str, change: Mapping[str, Any], seed: int, count: int
    ) -> tuple[Tensor, Tensor]:
        """uint8 `[count, S, S, 3]` and labels: those that are kept, and what is missing there.

        A plan's images are the same however many there are, so more build on fewer.
        """
        folder = kept_path(self._work / "images", f"{name}-{seed}", self._images_key(change, seed))
        folder.mkdir(parents=True, exist_ok=True)
        files = -(-count // _CHUNK)
        per_class = files * _CHUNK // len(self._classes)
        plan = SamplePlan(load_recipe(self._settings.recipe), self._classes, per_class, seed)
        generator: Generator | None = None
        chunks = []
        for number in range(files):
            path = folder / f"images-{number}.safetensors"
            if not path.exists():
                generator = generator or Generator(device=self._device, **{**_ENGINE, **change})
                specs = plan[number * _CHUNK : (number + 1) * _CHUNK]
                images, labels = generator.images(specs)
                parts = {"images": images.cpu(), "labels": labels.cpu()}
                write_atomically(path, save(parts))
            chunks.append(load_file(path))
        images, labels = (
            torch.cat([chunk[part] for chunk in chunks]) for part in ("images", "labels")
        )
        return images[:count], labels[:count]

    def trained(
        self, images: Tensor, labels: Tensor, seed: int, settings: TrainSettings | None = None
    ) -> Trainer:
        """A classifier trained on these images."""
        trainer = Trainer(
            self._settings.classifier,
            num_classes=len(self._classes),
            image_size=IMAGE_SIZE,
            settings=settings or self._settings.train,
            device=self._device,
            seed=seed,
        )
        trainer.fit(images, labels)
        return trainer

    def accuracy_key(
        self, change: Mapping[str, Any], seed: int, images: int, train: TrainSettings
    ) -> dict[str, Any]:
        """All that decides the accuracy of a classifier that is trained on a setting's images."""
        return {
            **self._images_key(change, seed),
            "images": images,
            "image_size": IMAGE_SIZE,
            "classifier": self._settings.classifier,
            "train": asdict(train),
            "real": None if self._real is None else str(self._real.resolve()),
            "held_out": _HELD_OUT,
        }

    def _images_key(self, change: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """All that decides the images of a setting; of a device, others round otherwise."""
        run = asdict(self._settings)
        return {
            "run": {field: run[field] for field in run if field not in ("classifier", "train")},
            "recipe": recipe_content(load_recipe(self._settings.recipe)),
            "generator": {**_ENGINE, **change},
            "seed": seed,
            "device": resolve_device(self._device).type,
            "images_in_a_file": _CHUNK,
        }

    def tested(self, trainer: Trainer) -> Accuracy:
        """Its accuracy on the real images."""
        held_out = None
        if self._held_out is not None:
            held_out = trainer.evaluate(*self._held_out).accuracy
        return Accuracy(trainer.evaluate(*self._test).accuracy, held_out)
