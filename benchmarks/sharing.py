"""Generating and training on one device: either alone, and both by each way of sharing it.

    python -m zeroreal.benchmarks.sharing --result benchmarks/results/sharing-embedded-cuda.json

Images of the embedded model arrive block by block, and a classifier trains on what is there, for
about as long as generating takes. Both in one are to take the longer of the two and half of the
shorter.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..engine import InputError, resolve_device
from ..generate import Generator, SamplePlan, load_recipe, parse_classes
from ..train import Feed, ImagePool, Loader, RunSettings, Trainer, TrainSettings
from ..train.sharing import MODES, Sharing
from .harness import (
    Contender,
    Rounds,
    check_result_path,
    doubts,
    run_facts,
    run_rounds,
    spread,
    timed,
    write_result,
)

GENERATING, TRAINING = "generating", "training"
_MOST_EPOCHS = 200


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
