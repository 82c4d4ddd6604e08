"""What a classifier makes of the images that a run is calibrated on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...base import InputError
from ...generate import (
    ClassName,
    DataParallelGenerator,
    Generator,
    Recipe,
    SamplePlan,
    SampleSpec,
)
from ...train.classifier.saved import SavedClassifier
from . import pictures
from .things import plan_of_pairs, plan_of_things

CLASSES = "of the classes"
DEGRADED = "of the classes, degraded"
MIXED = "two images mixed"
PAIRS = "two classes in a prompt"
THINGS = "other things"
PIECES = "in pieces"
NOISE = "noise"
PATTERNS = "coloured patterns"
OFF = (PAIRS, THINGS, MIXED, PIECES, NOISE, PATTERNS)
"""The kinds that are off the classes."""

FITTED = (CLASSES, DEGRADED, MIXED)
"""The kinds that the temperature is fitted to."""


@dataclass(frozen=True)
class Answers:
    """What a classifier makes of images of one kind."""

    logits: Tensor
    """float32 `[N, K]`."""
    targets: Tensor
    """What should come out, float32 `[N, K]`: what shows no class, is as likely to be each."""

    @property
    def labels(self) -> Tensor:
        """The classes of images that show one, int64 `[N]`."""
        return self.targets.argmax(1)


@dataclass(frozen=True)
class ImageMaker:
    """Makes images of a run's classes and of what is off them, and has them classified."""

    generator: Generator | DataParallelGenerator
    classifier: SavedClassifier
    recipe: Recipe
    classes: tuple[ClassName, ...]
    things: tuple[ClassName, ...]
    """Empty for a model that can draw the classes only."""
    on_images: Callable[[int], None]
    """Told how many more were generated."""

    def answers(self, images: int, others: int, seed: int) -> dict[str, Answers]:
        """By kind, of `images` of each class, `others` of each other kind; `seed` decides them."""
        plan = list(SamplePlan(self.recipe, self.classes, images, seed))
        logits, labels, shown = self._generated(plan, keep=others)
        targets = self._one_hot(labels)
        partners = torch.arange(len(shown)).roll(1)  # labels take turns: most differ
        shown_targets = targets[: len(shown)]
        halves = (shown_targets + shown_targets[partners]) / 2
        found = {
            CLASSES: Answers(logits, targets),
            DEGRADED: Answers(self._logits(pictures.degraded(shown, seed)), shown_targets),
            MIXED: Answers(self._logits(pictures.mixed(shown, shown[partners])), halves),
            PAIRS: self._pairs(others, seed),
        }
        if self.things:
            specs = plan_of_things(self.recipe, self.things, others, seed)
            found[THINGS] = self._of_no_class(self._generated(specs)[0])
        side = self.classifier.card.image_size
        for kind, made in (
            (PIECES, pictures.in_pieces(shown, seed)),
            (NOISE, pictures.noise(others, side, seed)),
            (PATTERNS, pictures.patterns(others, side, seed)),
        ):
            found[kind] = self._of_no_class(self._logits(made))
        return found

    def _pairs(self, count: int, seed: int) -> Answers:
        specs, pairs = plan_of_pairs(self.recipe, self.classes, count, seed)
        logits, numbers, _ = self._generated(specs)
        ends = torch.tensor(pairs)[numbers]
        return Answers(logits, self._one_hot(ends).mean(1))

    def _of_no_class(self, logits: Tensor) -> Answers:
        return Answers(logits, torch.full_like(logits, 1 / logits.shape[1]))

    def _generated(
        self, specs: Sequence[SampleSpec], keep: int = 0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits `[N, K]` and labels `[N]` of what was generated, and the first `keep` images."""
        side = self.classifier.card.image_size
        logits, labels, kept = [], [], [torch.empty(0, side, side, 3, dtype=torch.uint8)]
        for batch in self.generator.generate(specs):
            logits.append(self._logits(batch.images))
            labels.append(batch.labels.cpu())
            kept.append(batch.images[: max(0, keep - sum(map(len, kept)))].cpu())
            self.on_images(len(batch.images))
        if not logits:
            raise InputError(
                "every image was blank, saturated or not finite: try another precision"
            )
        return torch.cat(logits), torch.cat(labels), torch.cat(kept)

    def _logits(self, images: Tensor) -> Tensor:
        return self.classifier.logits(images)

    def _one_hot(self, labels: Tensor) -> Tensor:
        return F.one_hot(labels, len(self.classes)).float()
