"""Progress bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from .console import errors

if TYPE_CHECKING:
    from ..base.progress import StageProgress
    from ..export import ExportProgress


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
        self._done: dict[str, float] = {}

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
        self._update(state.stage, state.done, state.total, state.note)

    def show_export(self, state: ExportProgress) -> None:
        """Bring the bar of an export up to date."""
        self._update("export", state.done, state.total, f"{state.graph}: {state.stage}")

    def show_build(self, graph: str, done: int, total: int) -> None:
        """Bring the bar of a build up to date."""
        self._update("build", done, total, graph)

    def _update(self, stage: str, done: int, total: int, note: str) -> None:
        self._progress.start()  # not before: a mistake found while loading draws no bar
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=1, note="")
        task = self._tasks[stage]
        if done < self._done.get(stage, 0):
            self._progress.reset(task)  # another run's: its time counts from now
        self._done[stage] = done
        self._progress.update(task, completed=done, total=total, note=note)
