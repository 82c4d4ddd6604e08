"""The main job: class names in, a tested classifier and its report out, in one folder."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from ..base import InputError, resolve_device
from ..base.files import remove_half_written
from ..base.progress import OnStage, StageProgress
from ..base.ranks import Ranks, agreed, device_of_rank, join_ranks
from ..base.signals import undisturbed
from ..train import CheckpointFolder
from .baselines.measure import measure_baselines
from .budget.choice import within_budget
from .budget.state import STATE, BudgetState, load_state
from .folder import (
    CONFIG,
    check_out,
    check_rights,
    new_run_folder,
    read_config,
    read_made_with,
    write_config,
)
from .identity import check_made_with, images_identity, made_with
from .images import ImageFiles, remove_images
from .interruption import attempt, explained
from .parts import Parts
from .preparation import prepare
from .report.files import write_report_files, write_samples
from .report.summary import METRICS, RunSummary, summarize, test_figures
from .room import check_room
from .settings import RunSettings
from .training import SampledFeatures, Trained, save, test, train

__all__ = ["RunResult", "resume", "run"]


@dataclass(frozen=True)
class RunResult:
    """A finished run: its folder and what it came to."""

    folder: Path
    summary: RunSummary


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
    `RunInterruptedError` on Ctrl-C, with the images so far saved, as they are by whatever else ends
    a run. One that is killed goes on from the last images and the last checkpoint saved. Where
    `torchrun` started several processes, each generates and trains on a share, and the first one
    writes.
    """
    started = time.perf_counter()
    settings, ranks = _join(settings)
    on_progress = on_progress if ranks.is_first else _ignore
    if ranks.is_first:
        check_out(out)
    budget = None
    if settings.time_budget is None:
        parts = prepare(settings, on_progress, ranks)
    else:
        seconds = settings.time_budget
        parts, plan, speeds = within_budget(settings, seconds, on_progress, ranks, keep, started)
        budget = BudgetState(plan, speeds, started)
    check_room(parts, Path(out or "runs"))
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
    check_rights(folder)
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
    check_made_with(read_made_with(folder), parts, folder)
    check_room(parts, folder)
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
    """Train, test and report; what is there is saved however that is cut short."""
    try:
        images = _images(parts, folder)
        try:
            if parts.ranks.is_first:
                _keep_settings(parts, folder, budget)
            trained = train(parts, folder, on_progress)
            if parts.ranks.is_first:
                save(parts, folder)  # before anything else can go wrong
            summary = _test_and_report(parts, folder, started, budget, trained, on_progress)
        except BaseException as error:
            with undisturbed("saving the images"):
                parts.close()
                if parts.ranks.is_first:
                    _save_what_is_there(parts, folder, budget, images, error)
            raise explained(error, parts, folder, images) from error
    finally:
        parts.close()
    if parts.ranks.is_first:
        _forget_progress(folder)
    return RunResult(folder, summary)


def _test_and_report(
    parts: Parts,
    folder: Path,
    started: float,
    budget: BudgetState | None,
    trained: Trained,
    on_progress: OnStage,
) -> RunSummary:
    seconds = {"load": parts.seconds, **trained.seconds}
    figures = former = None
    if parts.test is not None and (tested := test(parts)) is not None:
        seconds["evaluate"] = tested.seconds
        figures = test_figures(tested.counts, parts.test.source, parts.names)
        figures = replace(figures, deciding=tested.deciding)
        former = tested.former
    plan = None if budget is None else budget.plan
    elapsed = time.perf_counter() - (budget.started if budget else started)
    summary = summarize(parts, trained, figures, plan, folder, seconds, elapsed)
    if samples := parts.settings.train.feature_samples:
        accuracy = None if former is None else former.accuracy
        summary = replace(summary, sampled_features=SampledFeatures(samples, accuracy))
    if parts.ranks.is_first:
        # After the summary, so that they are in no figure of the run itself.
        summary = replace(summary, baselines=measure_baselines(parts, folder, on_progress))
        write_report_files(parts, folder, summary)
    return summary


def _images(parts: Parts, folder: Path) -> ImageFiles | None:
    """The files of the images, which the feed reads from and saves to; None of a dataset's."""
    if parts.recipe is None:
        return None
    seconds = parts.settings.checkpoint_seconds if parts.ranks.is_first else math.inf
    images = ImageFiles(folder, images_identity(parts), parts.image_size, seconds)
    parts.feed.keep_in(images)
    return images


def _keep_settings(parts: Parts, folder: Path, budget: BudgetState | None) -> None:
    """Write what the run can be resumed by."""
    if not (folder / CONFIG).exists():
        write_config(folder, parts.settings, parts.origin, made_with(parts))
    if budget is not None:
        budget.save(folder)


def _save_what_is_there(
    parts: Parts,
    folder: Path,
    budget: BudgetState | None,
    images: ImageFiles | None,
    error: BaseException,
) -> None:
    """Save what `error` left of a run, what is cheap or took longest first."""
    attempt("the settings", lambda: _keep_settings(parts, folder, budget))
    if images is not None:
        attempt("the images that are new since", lambda: images.save(parts.pool))
    if parts.trainer.is_trained and not isinstance(error, KeyboardInterrupt):
        attempt("the classifier", lambda: save(parts, folder))
    attempt("the picture of samples", lambda: write_samples(parts, folder))


def _forget_progress(folder: Path) -> None:
    """Remove what only an unfinished run needs, and what a kill left half written."""
    remove_images(folder)
    (folder / STATE).unlink(missing_ok=True)
    CheckpointFolder(folder, {}).remove()
    remove_half_written(folder)
