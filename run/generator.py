"""The generator of a run, and what it tells while it is made."""

from __future__ import annotations

from ..base.progress import OnStage
from ..generate import DataParallelGenerator, Generator
from ..generate.telling import made_with_progress
from ..generate.tuning.request import OnProgress
from .settings import RunSettings


def make_generator(
    settings: RunSettings, guided: bool, images: int, on_progress: OnStage
) -> Generator | DataParallelGenerator:
    """What makes about so many `images`, on the run's device or on several."""

    def make(tell: OnProgress) -> Generator | DataParallelGenerator:
        if settings.devices:
            return DataParallelGenerator(
                settings.devices,
                settings.generate,
                device=settings.device,
                guided=guided,
                images=images,
                on_progress=tell,
            )
        return Generator(
            settings.generate,
            device=settings.device,
            guided=guided,
            images=images,
            on_progress=tell,
        )

    return made_with_progress(make, on_progress)
