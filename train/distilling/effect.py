"""What distilling did to images and speed: the student beside its teacher on other samples."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ...base.progress import OnStage, StageProgress
from ...generate import Generator, SamplePlan, SampleSpec
from ...generate.settings import GenerateSettings

_ENOUGH = 2.0  # seconds that a speed is measured for


@dataclass(frozen=True)
class Effect:
    """How the student does with one number of steps; or the teacher, whose distance is 0."""

    unet: str
    steps: int
    images_per_second: float
    """Denoised and decoded, the prompts known."""
    difference: float
    """Mean absolute difference of pixels, of 0 to 255, from the teacher's images."""


def measure_effect(
    teacher: Generator,
    settings: GenerateSettings,
    unet: Path,
    steps: Sequence[int],
    plan: SamplePlan,
    on_progress: OnStage,
) -> list[Effect]:
    """The teacher and the student with each number of `steps`, on the samples of `plan`.

    `settings` are the teacher's.
    """
    specs = list(plan)
    expected, speed = _images(teacher, specs)
    found = [Effect("teacher", teacher.facts.steps, speed, 0.0)]
    for number, count in enumerate(sorted(steps, reverse=True), 1):
        generator = Generator(
            replace(
                settings,
                unet=str(unet),
                steps=count,
                scheduler=None,
                engine=teacher.facts.engine,
                batch_size=teacher.batch_size,
            ),
            device=str(teacher.device),
        )
        images, speed = _images(generator, specs)
        apart = (images.float() - expected.float()).abs().mean()
        found.append(Effect("student", count, speed, float(apart)))
        on_progress(StageProgress("compare", number, len(steps)))
    return found


def _images(generator: Generator, specs: Sequence[SampleSpec]) -> tuple[Tensor, float]:
    """Images uint8 `[N, size, size, 3]` in order, and how many a second."""
    images, _ = generator.images(specs)  # the first call warms up
    began, made = time.perf_counter(), 0
    while (taken := time.perf_counter() - began) < _ENOUGH:
        generator.images(specs)
        made += len(specs)
    if generator.device.type == "cuda":
        torch.cuda.synchronize(generator.device)
    return images, made / taken
