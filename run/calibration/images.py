"""What a classifier makes of the images that a run is calibrated on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
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

LEARNT = (THINGS, PIECES, PATTERNS)
"""The kinds that the weights of ranks are fitted to: pictures, and not between classes."""


@dataclass(frozen=True)
class Answers:
    """What a classifier makes of images of one kind."""

    logits: Tensor
    """float32 `[N, K]`."""
    labels: Tensor
    """int64 `[N]`; empty for images that are off the classes."""


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
        logits, labels, first = self._generated(
            list(SamplePlan(self.recipe, self.classes, images, seed)), keep=others
        )
        shown, side = torch.stack(first), self.classifier.card.image_size
        found = {
            CLASSES: Answers(logits, labels),
            DEGRADED: Answers(
                self.classifier.logits(pictures.degraded(shown, seed)), labels[: len(shown)]
            ),
        }
        pairs = plan_of_pairs(self.recipe, self.classes, others, seed)
        off = {PAIRS: self._generated(pairs)[0]}
        if self.things:
            specs = plan_of_things(self.recipe, self.things, others, seed)
            off[THINGS] = self._generated(specs)[0]
        for kind, made in (
            (MIXED, pictures.mixed(shown, shown.roll(1, 0))),  # labels take turns: most differ
            (PIECES, pictures.in_pieces(shown, seed)),
            (NOISE, pictures.noise(others, side, seed)),
            (PATTERNS, pictures.patterns(others, side, seed)),
        ):
            off[kind] = self.classifier.logits(made)
        none = labels[:0]
        return found | {kind: Answers(logits, none) for kind, logits in off.items()}

    def _generated(
        self, specs: Sequence[SampleSpec], keep: int = 0
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Logits `[N, K]` and labels `[N]` of what was generated, and images of the first `keep`.

        All are given in the order of `specs`, which is that of their indices: batches come in
        another, those with guidance first.
        """
        logits, labels, shown = [], [], {}
        places: list[int] = []
        for batch in self.generator.generate(specs):
            numbers = [spec.index for spec in batch.specs]
            places += numbers
            logits.append(self.classifier.logits(batch.images))
            labels.append(batch.labels.cpu())
            for number, image in zip(numbers, batch.images, strict=True):
                if number < keep:
                    shown[number] = image.cpu()
            self.on_images(len(numbers))
        if not logits:
            raise InputError(
                "every image was blank, saturated or not finite: try another precision"
            )
        order = torch.tensor(places).argsort()
        images = [shown[number] for number in sorted(shown)]
        return torch.cat(logits)[order], torch.cat(labels)[order], images
