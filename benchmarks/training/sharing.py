"""Generating and training on one device: either alone, and both by each way of sharing it.

    zeroreal bench sharing --result benchmarks/results/sharing-embedded-cuda.json

Images of the embedded model arrive block by block, and a classifier trains on what is there, for
about as long as generating takes. Both in one are to take the longer of the two and half of the
shorter.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...base import InputError, resolve_device
from ...generate import Generator, SamplePlan, load_recipe, parse_classes
from ...run import RunSettings
from ...train import Feed, ImagePool, Trainer, TrainSettings
from ...train.pool.epochs import block_sizes, virtual_epochs
from ...train.pool.sharing import MODES, Sharing
from ..harness import (
    Contender,
    Rounds,
    Tell,
    check_counts,
    check_result_path,
    doubts,
    run_facts,
    run_rounds,
    silent,
    spread,
    timed,
    write_result,
)

GENERATING, TRAINING = "generating", "training"
_MOST_EPOCHS = 200


@dataclass(frozen=True)
class SharingSettings:
    """What is generated and trained, and how often."""

    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    classifier: str = "resnet18"
    """A timm model's name."""
    images_per_class: int = 1000
    """Generated of every class of the embedded model."""
    blocks: int = 8
    """Number of blocks in which the images arrive."""
    batch_size: int = 256
    """Images of a batch of training."""
    rounds: int = 5
    """How often each part and each way of sharing takes its turn."""
    result: Path | None = None
    """The file to write."""


@dataclass(frozen=True)
class Shared:
    """What generates and what is trained."""

    generator: Generator
    plan: SamplePlan
    classifier: str
    settings: TrainSettings
    blocks: int

    @property
    def device(self) -> torch.device:
        return self.generator.device

    def generate(self) -> ImagePool:
        """All images, and nothing else."""
        feed = self._feed("alternate")
        feed.fill()
        return feed.pool

    def train(self, pool: ImagePool) -> None:
        """Train on a full pool."""
        trainer = self._trainer(pool.image_size)
        trainer.fit(trainer.loader(pool))

    def both(self, mode: str) -> None:
        """Train while the images arrive, as often on each as `train` does."""
        feed = self._feed(mode)
        try:
            trainer = self._trainer(feed.pool.image_size)
            trainer.fit(trainer.loader(feed))
        finally:
            feed.close()

    def _feed(self, mode: str) -> Feed:
        images = len(self.plan)
        pool = ImagePool(images, self.generator.image_size, self.device)
        return Feed(self.generator, self.plan, pool, block=-(-images // self.blocks), mode=mode)

    def _trainer(self, image_size: int) -> Trainer:
        return Trainer(
            self.classifier,
            num_classes=len(self.plan.classes),
            image_size=image_size,
            settings=self.settings,
            device=str(self.device),
        )


def balanced_epochs(shared: Shared) -> tuple[Shared, ImagePool]:
    """As many epochs as take about as long as generating, and a full pool; warms everything up."""
    pool = shared.generate()
    generating = timed(shared.generate, shared.device)
    once = replace(shared, settings=replace(shared.settings, epochs=1))
    once.train(pool)
    training = timed(partial(once.train, pool), shared.device)
    epochs = max(1, min(_MOST_EPOCHS, round(generating / training)))
    return replace(shared, settings=replace(shared.settings, epochs=epochs)), pool


def scheduled_seconds(shared: Shared, generating: float, training: float) -> float:
    """What both would take if neither slowed the other down, by the schedule of the blocks.

    `generating` and `training` are what each takes alone. A block is generated while the passes
    after the one before it are trained.
    """
    images = len(shared.plan)
    blocks = block_sizes(images, images, -(-images // shared.blocks), replaces=False)
    image, sample = generating / images, training / (images * shared.settings.epochs)
    samples: dict[int, int] = {}  # trained on while so many images are there
    for epoch in virtual_epochs(blocks, images, shared.settings.epochs):
        samples[epoch.generated] = samples.get(epoch.generated, 0) + epoch.samples
    total = blocks[0] * image
    for number, there in enumerate(itertools.accumulate(blocks), start=1):
        coming = blocks[number] * image if number < len(blocks) else 0.0
        total += max(coming, samples.get(there, 0) * sample)
    return total


def modes_of(device: torch.device) -> tuple[list[str], dict[str, str]]:
    """The ways of sharing `device`, and why it does not have the others."""
    modes = MODES if device.type == "cuda" else MODES[1:]  # elsewhere `auto` has no choice
    missing = {}
    for mode in modes:
        try:
            Sharing(mode, device)
        except InputError as error:
            missing[mode] = str(error)
    return [mode for mode in modes if mode not in missing], missing


def figures(rounds: Rounds, shared: Shared) -> dict[str, Any]:
    """The seconds of each part, and of each mode how often what it is to take: `target_seconds`."""
    spreads = {one.name: spread(one.seconds) for one in rounds.measurements if one.seconds}
    if not {GENERATING, TRAINING} <= spreads.keys():
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in rounds.measurements)
        raise InputError(f"generating or training alone cannot be measured ({reasons})")
    alone = [spreads[part]["median"] for part in (GENERATING, TRAINING)]
    target = max(alone) + min(alone) / 2
    return {
        "target_seconds": target,
        "scheduled_seconds": scheduled_seconds(shared, *alone),
        "seconds": spreads,
        "of_target": {
            name: times["median"] / target
            for name, times in spreads.items()
            if name not in (GENERATING, TRAINING)
        },
        "failed": {one.name: one.reason for one in rounds.measurements if one.reason},
        "doubts": doubts(rounds),
    }


def bench_sharing(settings: SharingSettings, tell: Tell = silent) -> dict[str, Any]:
    """Measure, and give the result, which is written as well.

    Raises `InputError` for settings that cannot be used.
    """
    device = _check(settings)
    tell("loading, tuning and warming up")
    shared, pool = balanced_epochs(_shared(settings))
    modes, missing = modes_of(device)
    contenders = [
        Contender(GENERATING, partial(timed, shared.generate, device)),
        Contender(TRAINING, partial(timed, partial(shared.train, pool), device)),
        *(Contender(mode, partial(timed, partial(shared.both, mode), device)) for mode in modes),
    ]
    rounds = run_rounds(
        contenders, settings.rounds, lambda state: tell(f"round {state.done} of {state.wanted}")
    )
    result: dict[str, Any] = {
        **run_facts(device),
        "classifier": settings.classifier,
        "images": len(shared.plan),
        "blocks": settings.blocks,
        "batch_size": settings.batch_size,
        "epochs": shared.settings.epochs,
        "modes_missing": missing,
        **figures(rounds, shared),
    }
    if settings.result is not None:
        write_result(settings.result, result)
    return result


def _check(settings: SharingSettings) -> torch.device:
    check_counts({"images per class": settings.images_per_class, "blocks": settings.blocks})
    check_counts({"rounds": settings.rounds})
    device = resolve_device(settings.device)
    if settings.result is not None:
        check_result_path(settings.result)
    return device


def _shared(settings: SharingSettings) -> Shared:
    classes = parse_classes(RunSettings().classes)
    plan = SamplePlan(load_recipe("base"), classes, settings.images_per_class)
    train = TrainSettings(batch_size=settings.batch_size)
    generator = Generator(device=settings.device)
    return Shared(generator, plan, settings.classifier, train, settings.blocks)
