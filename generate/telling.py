"""What goes on while a generator is made, as progress of stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..base.progress import OnStage, StageProgress
from ..export import ExportProgress
from .tuning.request import OnProgress, TuneProgress

Made = TypeVar("Made")


def made_with_progress(make: Callable[[OnProgress], Made], on_progress: OnStage) -> Made:
    """What `make` makes; exporting and tuning, of which it is told, are shown as stages."""
    engines: list[str] = []

    def tell(news: ExportProgress | TuneProgress) -> None:
        if isinstance(news, ExportProgress):
            note = f"{news.graph}: {news.stage}"
            on_progress(StageProgress("export", news.done, news.total, note))
        else:
            engines.append(news.engine)
            on_progress(StageProgress("tune", 0, 1, news.engine))

    made = make(tell)
    if engines:
        on_progress(StageProgress("tune", 1, 1, engines[-1]))
    return made
