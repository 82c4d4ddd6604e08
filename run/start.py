"""The main job: class names in, a tested classifier and its report out, in one folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base import InputError, resolve_device
from ..base.ranks import Ranks, agreed, device_of_rank, join_ranks
from ..generate.plan.classes import slug
from .budget.budgeted import within_budget
from .folder import check_unused, new_run_folder, read_config
from .job import Job, forget_progress
from .progress import Progress
from .settings import RunSettings
from .summary import METRICS, summarize, write_samples, write_summary

__all__ = ["Progress", "RunInterruptedError", "RunResult", "resume", "run"]


@dataclass(frozen=True)
class RunResult:
    """A finished run: its folder and what `metrics.json` there holds."""

    folder: Path
    summary: dict[str, Any]


class RunInterruptedError(Exception):
    """A run was stopped by the user; what was generated is saved in `folder`."""

    def __init__(self, folder: Path, done: int, total: int) -> None:
        super().__init__(f"interrupted with {done} of {total} images generated and saved")
        self.folder = folder


def run(
    settings: RunSettings,
    out: str | Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    keep: Collection[str] = (),
) -> RunResult:
    """Generate images, train a classifier on them, test it on real ones, and report.

    Everything that the user gave is checked before anything is written. `out` is the new run's
    folder, by default `runs/<time>-<recipe>`. With a time budget, the settings that make the most
    of it are chosen; those that `keep` names, and those that differ from the defaults, stay as they
    are. Raises `InputError` for what cannot be used and `RunInterruptedError` on Ctrl-C, with the
    images so far saved. A run that is killed goes on from its last checkpoint, too. Where
    `torchrun` started several processes, each generates and trains on a share, and the first one
    writes.
    """
    started = time.perf_counter()
    settings = replace(settings, device=device_of_rank(settings.device))
    ranks = join_ranks(resolve_device(settings.device))
    if not ranks.is_first:
        on_progress = _ignore
    if out is not None and ranks.is_first:
        check_unused(Path(out))
    if settings.time_budget is None:
        job = Job(settings, on_progress)
    else:
        job = within_budget(settings, settings.time_budget, on_progress, keep, started)
    name = slug(job.recipe.name) or "run"
    folder = agreed(str(new_run_folder(out, name)) if ranks.is_first else "")
    return _finish(job, Path(folder), started)


def resume(
    folder: str | Path, on_progress: Callable[[Progress], None] = lambda progress: None
) -> RunResult:
    """Continue an interrupted run from the images and the checkpoint that it saved."""
    started = time.perf_counter()
    folder = Path(folder)
    settings, recipe_content = read_config(folder)
    settings = replace(settings, device=device_of_rank(settings.device))
    ranks = join_ranks(resolve_device(settings.device))
    if (folder / METRICS).exists():
        forget_progress(folder)  # it may have been killed just before
        raise InputError(f"the run in {str(folder)!r} is finished: start a new one")
    job = Job(settings, on_progress if ranks.is_first else _ignore)
    if job.recipe_content != recipe_content:
        raise InputError(
            f"recipe {settings.recipe!r} has changed since the run in {str(folder)!r} began: "
            "restore it, or start a new run"
        )
    job.restore_images(folder)
    return _finish(job, folder, started)


def _ignore(progress: Progress) -> None:
    pass


def _finish(job: Job, folder: Path, started: float) -> RunResult:
    is_first = Ranks.current().is_first
    try:
        if is_first:
            job.keep_config(folder)
        job.train(folder)
    except KeyboardInterrupt:
        job.close()
        if is_first:
            job.keep_config(folder)  # it may have been written just then
            job.keep_images(folder)
            write_samples(job, folder)
        raise RunInterruptedError(folder, job.feed.written, job.planned) from None
    except InputError:  # a loss that is not finite, say
        if is_first:
            job.keep_images(folder)
            if job.is_trained:
                job.save(folder)
        raise
    finally:
        job.close()
    test = job.evaluate()
    summary = summarize(job, folder, test)
    summary["elapsed_seconds"] = round(time.perf_counter() - started, 3)
    if is_first:
        job.save(folder)
        write_summary(job, folder, summary)
        forget_progress(folder)
    return RunResult(folder, summary)
