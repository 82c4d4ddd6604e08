"""The generator of a run, and what it tells while it is made."""

from __future__ import annotations

from ..export import ExportProgress
from ..generate import DataParallelGenerator, Generator, TuneProgress
from .progress import OnStage, StageProgress
from .settings import RunSettings


def make_generator(
    settings: RunSettings, guided: bool, on_progress: OnStage
) -> Generator | DataParallelGenerator:
    """The generator on the run's device, or on each of several."""
    told: list[TuneProgress] = []

    def tell(news: ExportProgress | TuneProgress) -> None:
        if isinstance(news, ExportProgress):
            note = f"{news.graph}: {news.stage}"
            on_progress(StageProgress("export", news.done, news.total, note))
        else:
            told.append(news)
            on_progress(StageProgress("tune", 0, 1, news.engine))

    generator: Generator | DataParallelGenerator
    if settings.devices:
        generator = DataParallelGenerator(
            settings.devices,
            settings.generate,
            device=settings.device,
            guided=guided,
            on_progress=tell,
        )
    else:
        generator = Generator(
            settings.generate, device=settings.device, guided=guided, on_progress=tell
        )
    if told:
        on_progress(StageProgress("tune", 1, 1, generator.facts.backend))
    return generator
