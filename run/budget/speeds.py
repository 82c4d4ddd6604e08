"""How fast the parts of a run are on this machine, measured in a few seconds each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import torch

from ...generate import SampleSpec
from ...generate.sampling.stages import StageSeconds
from ...train.pool.feed import ImageSource
from ...train.trainer import Trainer
from ..settings import RunSettings
from .clock import Speeds

_ENOUGH = 2.0  # seconds that a measurement takes
_FIRST_ON_CPU = 16  # images
_MOST_BATCHES = 32  # of training and test
_REPORT = 1.0  # seconds for pictures and files


class TimedSource(ImageSource, Protocol):
    """What generates images and says how long each stage took."""

    seconds: StageSeconds


def measure_speeds(
    source: TimedSource,
    plan: Sequence[SampleSpec],
    settings: RunSettings,
    *,
    at_once: int,
    image_size: int,
    test_images: int,
    load: float,
) -> Speeds:
    """The speeds of a run with `settings`, from a part of `plan` and of a training on noise.

    Args:
        source: loaded; its stage seconds go on.
        plan: samples to generate.
        settings: of the classifier and its training.
        at_once: images denoised together, on all devices.
        image_size: side in pixels of what the classifier sees.
        test_images: how many real images it is tested on.
        load: seconds that loading took.
    """
    taken: dict[str, float] = {}  # by each stage of the last call

    def generate(count: int) -> None:
        before = dict(source.seconds.totals)
        for _ in source.generate(plan[:count]):
            pass
        taken.update({stage: now - before[stage] for stage, now in source.seconds.totals.items()})

    # A GPU is at its speed in whole batches only; on a CPU one may take long.
    first = at_once if source.device.type == "cuda" else min(at_once, _FIRST_ON_CPU)
    image = _seconds_each(generate, min(first, len(plan)), len(plan))
    decode = image * taken["decode"] / sum(taken.values())
    train, test = _classifier_seconds(settings, image_size)
    return Speeds(
        denoise=image - decode,
        decode=decode,
        train=train * settings.train.epochs,
        load=load,
        finish=test_images * test + _REPORT,
    )


def _classifier_seconds(settings: RunSettings, image_size: int) -> tuple[float, float]:
    """Seconds of training on an image once, and of testing one."""
    batch, classes = settings.train.batch_size, len(settings.classes)
    most = _MOST_BATCHES * batch
    noise = torch.Generator().manual_seed(0)
    shape = (most, image_size, image_size, 3)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=noise)
    labels = torch.randint(classes, (most,), generator=noise)
    trainer = Trainer(
        settings.classifier,
        num_classes=classes,
        image_size=image_size,
        settings=replace(settings.train, epochs=1),
        device=settings.device,
        precision=settings.amp,
    )
    train = _seconds_each(lambda count: trainer.fit(images[:count], labels[:count]), batch, most)
    test = _seconds_each(lambda count: trainer.predict(images[:count]), batch, most)
    return train, test


def _seconds_each(work: Callable[[int], object], count: int, most: int) -> float:
    """Seconds an image of `work`, which is given how many.

    The first call only warms up, however long it takes: it may load, compile and choose. Of the
    second, with as many images, follows how many the third gets, where it takes less than enough.
    """
    _seconds(work, count)
    taken = _seconds(work, count)
    if taken < _ENOUGH and count < most:
        count = min(most, count * round(_ENOUGH / taken))
        taken = _seconds(work, count)
    return taken / count


def _seconds(work: Callable[[int], object], count: int) -> float:
    began = time.perf_counter()
    work(count)
    return time.perf_counter() - began
