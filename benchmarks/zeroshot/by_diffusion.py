"""Contenders of the diffusion classifier: ours on an engine, or the plain loop on `diffusers`."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ...assets.embedded import EMBEDDED_CLASSES
from ...base import keep_freed_memory, resolve_device, resolve_precision
from ...engine import Cache
from ...generate import DiffusionClassifier, parse_classes
from ...generate.diffusion_classifier.settings import TEMPLATE
from ...generate.diffusion_classifier.stages import Stage
from ...generate.plan.prompts import fill
from ..generation.contender import CHANNELS_LAST, COMPILED, OURS
from ..generation.diffusers_pipeline import load_diffusers
from ..harness import timed
from .answers import Answers, accuracy
from .images import shipped_images
from .names import ZeroshotName
from .plain_loop import PlainLoop

_SEED = 0
_PROBED_IMAGES = 2
Classify = Callable[[Tensor], tuple[Tensor, int]]
"""Images uint8 `[N, H, W, 3]` to classes int64 `[N]` and evaluations of the UNet."""


@dataclass(frozen=True)
class DiffusionJob:
    """What every contender classifies."""

    folder: Path
    side: int
    """Of images in pixels."""
    images: int
    stages: tuple[Stage, ...]
    device: str
    cache: Path

    @property
    def evaluations_per_image(self) -> int:
        """Of the UNet, for the embedded model's classes."""
        total, left = 0, len(EMBEDDED_CLASSES)
        for stage in self.stages:
            if left > 1:
                total += stage.timesteps * left
            left = min(left, stage.keep)
        return total


class DiffusionWorker:
    """A contender in its process."""

    def __init__(self, job: DiffusionJob, name: ZeroshotName) -> None:
        self._job, self._name = job, name
        self._device = resolve_device(job.device)
        if self._device.type == "cpu":
            keep_freed_memory()  # which ours asks for: the peer is to gain by it, too
        self._images, self._labels = shipped_images(job.images, job.side)
        self._classify: Classify | None = None

    def rate(self, batch_size: int) -> float:
        """Images a second with so many evaluations together, from few: loads anew for each."""
        if self._name.program == OURS:  # which fills batches with images, not with timesteps
            short = tuple(Stage(1, stage.keep) for stage in self._job.stages)
            classify, images = self._load(batch_size, short), self._images
        else:
            classify, images = self._load(batch_size, self._job.stages), self._images
            images = images[:_PROBED_IMAGES]
        _, evaluations = classify(images)
        seconds = timed(lambda: classify(images), self._device)
        return evaluations / seconds / self._job.evaluations_per_image

    def start(self, batch_size: int) -> Answers:
        """Load, and classify all images, which warms up."""
        self._classify = self._load(batch_size, self._job.stages)
        labels, evaluations = self._classify(self._images)
        found = labels.tolist()
        return Answers(tuple(found), accuracy(found, self._labels), batch_size, evaluations)

    def seconds(self) -> float:
        """Seconds of classifying all images once more."""
        assert self._classify is not None, "start it first"
        return timed(partial(self._classify, self._images), self._device)

    def _load(self, batch_size: int, stages: Sequence[Stage]) -> Classify:
        self._classify = None
        gc.collect()
        torch.compiler.reset()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return (self._ours if self._name.program == OURS else self._peer)(batch_size, stages)

    def _ours(self, batch_size: int, stages: Sequence[Stage]) -> Classify:
        classifier = DiffusionClassifier(
            parse_classes(EMBEDDED_CLASSES),
            model=str(self._job.folder),
            engine=self._name.engine,
            precision=self._name.precision,
            batch_size=batch_size,
            stages=tuple(stages),
            device=self._job.device,
            seed=_SEED,
            cache=Cache(self._job.cache),
        )

        def classify(images: Tensor) -> tuple[Tensor, int]:
            found = classifier(images)
            if classifier.batch_size < batch_size:  # halved, and slower than its name says
                raise MemoryError(f"out of memory: take a smaller batch than {batch_size}")
            return found.labels, found.evaluations

        return classify

    def _peer(self, batch_size: int, stages: Sequence[Stage]) -> Classify:
        program = self._name.program
        pipeline = load_diffusers(
            self._job.folder,
            resolve_precision(self._name.precision, self._device),
            self._device,
            channels_last=program == CHANNELS_LAST,
            compiled=program == COMPILED,
        )
        prompts = [fill(TEMPLATE, one.prompt) for one in parse_classes(EMBEDDED_CLASSES)]
        return PlainLoop(pipeline, prompts, stages, batch_size, _SEED)
