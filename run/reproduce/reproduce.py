"""A finished run, made again from its configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...base import InputError
from ...base.files import write_atomically
from ...base.progress import OnStage
from ...base.settings import plain
from ...export import find_model
from ...generate.plan.content import recipe_content
from ..finished import read_run
from ..folder import CONFIG, check_unused, read_config, read_made_with
from ..identity import check_model
from ..preparation import origin_of
from ..report.summary import METRICS
from ..settings import RunSettings
from ..start import resume
from ..start import run as start_run
from ..stored.images import StoredImages
from .comparison import Reproduction, compared

REPRODUCTION = "reproduction.json"


def reproduce_run(
    run: str | Path, out: str | Path, on_progress: OnStage = lambda progress: None
) -> Reproduction:
    """Make a finished run again in the folder `out`, and say what came out the same.

    The run's own configuration decides, with the engine and the batch sizes that it had settled on.
    One that was interrupted in `out` goes on. What was found is written
    there, too. Raises `InputError` where the run cannot be made again: its model, recipe or dataset
    has changed, or the clock decided how many images it has.
    """
    folder, out = Path(run), Path(out)
    read_run(folder)  # finished, and whole
    settings, origin = read_config(folder)
    _check(folder, settings, origin)
    settings = replace(settings, time_budget=None)
    if (out / CONFIG).exists():
        _check_same(out, settings, folder)
        if not (out / METRICS).exists():
            resume(out, on_progress)
    else:
        check_unused(out)
        start_run(settings, out, on_progress)
    found = compared(folder, out)
    write_atomically(out / REPRODUCTION, found.text().encode())
    return found


def _check(folder: Path, settings: RunSettings, origin_before: object) -> None:
    """Raise `InputError` for a run that cannot be made again."""
    if settings.time_budget is not None:
        raise InputError(
            f"the run in {str(folder)!r} had a time budget, so that the clock decided how many "
            "images it has: it cannot be made again, but one with as many --images-per-class can"
        )
    origin = origin_of(settings)
    if isinstance(origin, StoredImages):
        same, what = origin.identity == origin_before, f"dataset {settings.images!r}"
    else:
        same = recipe_content(origin) == origin_before
        what = f"recipe {settings.recipe!r}"
        model = find_model(settings.generate.model, settings.generate.variant)
        check_model(read_made_with(folder), model, settings, folder)
    if not same:
        raise InputError(
            f"{what} has changed since the run in {str(folder)!r}: restore it to make the run again"
        )


def _check_same(out: Path, settings: RunSettings, folder: Path) -> None:
    """Raise `InputError` unless what was begun in `out` is the same run."""
    begun, _ = read_config(out)
    if plain(begun) != plain(settings):
        raise InputError(
            f"output folder {str(out)!r} holds another run than that in {str(folder)!r}: choose "
            "another folder"
        )
