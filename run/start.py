"""The main job: class names in, a tested classifier and its report out, in one folder."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from ..base import InputError, resolve_device
from ..base.files import remove_half_written
from ..base.progress import OnStage, StageProgress
from ..base.ranks import Ranks, agreed, device_of_rank, join_ranks
from ..train import CheckpointFolder
from .budget.choice import within_budget
from .budget.state import STATE, BudgetState, load_state
from .folder import CONFIG, check_unused, new_run_folder, read_config, write_config
from .images import GENERATED, restore_images, save_images
from .parts import Parts
from .preparation import prepare
from .report.files import write_report_files, write_samples
from .report.summary import METRICS, RunSummary, summarize, test_figures
from .settings import RunSettings
from .training import save, test, train

__all__ = ["RunInterruptedError", "RunResult", "resume", "run"]


@dataclass(frozen=True)
class RunResult:
    """A finished run: its folder and what it came to."""

    folder: Path
    summary: RunSummary


class RunInterruptedError(Exception):
    """A run was stopped by the user; what was generated is saved in `folder`."""

    def __init__(
        self, folder: Path, done: int, total: int, past: str = "generated and saved"
    ) -> None:
        super().__init__(f"interrupted with {done} of {total} images {past}")
        self.folder = folder


def run(
    settings: RunSettings,
    out: str | Path | None = None,
    on_progress: OnStage = lambda progress: None,
    keep: Collection[str] = (),
) -> RunResult:
    """Generate images, train a classifier on them, test it on real ones, and report.

    Everything that the user gave is checked before anything is written. `out` is the new run's
    folder, by default `runs/<time>-<recipe>`. With a time budget, the settings that make the most
    of it are chosen; those that `keep` names, such as `generate.steps`, and those that differ from
    the defaults, stay as they are. Raises `InputError` for what cannot be used and
    `RunInterruptedError` on Ctrl-C, with the images so far saved. A run that is killed goes on from
    its last checkpoint, too. Where `torchrun` started several processes, each generates and trains
    on a share, and the first one writes.
    """
    started = time.perf_counter()
    settings, ranks = _join(settings)
    on_progress = on_progress if ranks.is_first else _ignore
    if out is not None and ranks.is_first:
        check_unused(Path(out))
    budget = None
    if settings.time_budget is None:
        parts = prepare(settings, on_progress, ranks)
    else:
        seconds = settings.time_budget
        parts, plan, speeds = within_budget(settings, seconds, on_progress, ranks, keep, started)
        budget = BudgetState(plan, speeds, started)
    folder = Path(agreed(str(new_run_folder(out, parts.slug)) if ranks.is_first else ""))
    return _finish(parts, folder, started, budget, on_progress)


def resume(folder: str | Path, on_progress: OnStage = lambda progress: None) -> RunResult:
    """Continue an interrupted run from the images and the checkpoint that it saved.

    A run with a time budget goes on with what is left of it.
    """
    started = time.perf_counter()
    folder = Path(folder)
    settings, origin_before = read_config(folder)
    settings, ranks = _join(settings)
    on_progress = on_progress if ranks.is_first else _ignore
    if (folder / METRICS).exists():
        _forget_progress(folder)  # it may have been killed just before
        raise InputError(f"the run in {str(folder)!r} is finished: start a new one")
    budget = None if settings.time_budget is None else load_state(folder, settings, started)
    clock = None if budget is None else budget.clock(settings.time_budget or 0.0)
    parts = prepare(settings, on_progress, ranks, clock)
    if parts.origin != origin_before:
        images = settings.images
        what = f"recipe {settings.recipe!r}" if images is None else f"dataset {images!r}"
        raise InputError(
            f"{what} has changed since the run in {str(folder)!r} began: restore it, or start a "
            "new run"
        )
    restore_images(parts.feed, folder)
    return _finish(parts, folder, started, budget, on_progress)


def _join(settings: RunSettings) -> tuple[RunSettings, Ranks]:
    """The settings with this process's own device, and its place among the processes."""
    settings = replace(settings, device=device_of_rank(settings.device))
    return settings, join_ranks(resolve_device(settings.device))


def _ignore(progress: StageProgress) -> None:
    pass


def _finish(
    parts: Parts,
    folder: Path,
    started: float,
    budget: BudgetState | None,
    on_progress: OnStage,
) -> RunResult:
    """Train, test and report; what is there is saved where that is cut short."""
    is_first = parts.ranks.is_first
    try:
        if is_first:
            _keep_settings(parts, folder, budget)
        trained = train(parts, folder, on_progress)
    except KeyboardInterrupt:
        parts.close()
        if is_first:
            _keep_settings(parts, folder, budget)  # it may have been writing them
            _save_generated(parts, folder)
            write_samples(parts, folder)
        past = "read" if parts.recipe is None else "generated and saved"
        raise RunInterruptedError(folder, parts.feed.written, parts.planned, past) from None
    except InputError:  # a loss that is not finite, say
        if is_first:
            _save_generated(parts, folder)
            if parts.trainer.is_trained:
                save(parts, folder)
        raise
    finally:
        parts.close()
    seconds = {"load": parts.seconds, **trained.seconds}
    figures = None
    if parts.test is not None and (tested := test(parts)) is not None:
        counts, seconds["evaluate"] = tested
        figures = test_figures(counts, parts.test.source, parts.names)
    plan = None if budget is None else budget.plan
    elapsed = time.perf_counter() - (budget.started if budget else started)
    summary = summarize(parts, trained, figures, plan, folder, seconds, elapsed)
    if is_first:
        save(parts, folder)
        write_report_files(parts, folder, summary)
        _forget_progress(folder)
    return RunResult(folder, summary)


def _keep_settings(parts: Parts, folder: Path, budget: BudgetState | None) -> None:
    """Write what the run can be resumed by."""
    if not (folder / CONFIG).exists():
        write_config(folder, parts.settings, parts.origin)
    if budget is not None:
        budget.save(folder)


def _save_generated(parts: Parts, folder: Path) -> None:
    """Save the images of an unfinished run, but not those that a dataset has anyway."""
    if parts.recipe is not None:
        save_images(parts.pool, folder)


def _forget_progress(folder: Path) -> None:
    """Remove what only an unfinished run needs, and what a kill left half written."""
    for name in (GENERATED, STATE):
        (folder / name).unlink(missing_ok=True)
    CheckpointFolder(folder, {}).remove()
    remove_half_written(folder)
