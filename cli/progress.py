"""Progress bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from .console import errors

if TYPE_CHECKING:
    from ..train import Progress as StageProgress


class StageBars:
    """A progress bar for each stage of a run, on standard error."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=errors,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> StageBars:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Leave the bars as they are and draw no more."""
        if self._tasks:
            self._progress.stop()

    def show(self, state: StageProgress) -> None:
        """Bring the bar of `state.stage` up to date."""
        self._progress.start()  # not before: a mistake found while loading draws no bar
        if state.stage not in self._tasks:
            self._tasks[state.stage] = self._progress.add_task(state.stage, total=1, note="")
        self._progress.update(
            self._tasks[state.stage], completed=state.done, total=state.total, note=state.note
        )
