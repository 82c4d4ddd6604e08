"""What goes on while a generator is made, as progress of stages."""

from __future__ import annotations

from ..base.progress import OnStage, StageProgress
from ..export import ExportProgress
from .tuning.request import OnProgress, TuneProgress


def teller(on_progress: OnStage) -> OnProgress:
    """What tells of exporting and tuning as stages of a run."""

    def tell(news: ExportProgress | TuneProgress) -> None:
        if isinstance(news, ExportProgress):
            note = f"{news.graph}: {news.stage}"
            on_progress(StageProgress("export", news.done, news.total, note))
        else:
            on_progress(StageProgress("tune", 0, 1, news.engine))

    return tell
