"""The work of the benchmark of sharing: generating, training, and both on one device."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch

from ...generate import Generator, SamplePlan
from ...train import Feed, ImagePool, Trainer, TrainSettings
from ...train.pool.epochs import block_sizes, virtual_epochs


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
