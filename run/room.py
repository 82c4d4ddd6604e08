"""Whether a run's folder has room for what the run will save, before hours are spent."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from ..base import InputError
from .parts import Parts

_REPORT_BYTES = 8 * 10**6
_CHECKPOINTS = 2  # the newest and the one before


def check_room(parts: Parts, folder: Path) -> None:
    """Raise `InputError` where the disk of `folder`, new or not, lacks room for the run.

    That is for the classifier and the report and, unless nothing is saved on the way, for two
    checkpoints and the pool's images.
    """
    if not parts.ranks.is_first:
        return
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    place = next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir()
    )
    free = shutil.disk_usage(place).free + there
    needed, unsaved = bytes_needed(parts), parts.settings.checkpoint_seconds == math.inf
    if free < needed:
        remedy = "" if unsaved else ", or save nothing on the way with --checkpoint-seconds inf"
        raise InputError(
            f"{str(folder)!r} has {free / 1e6:,.0f} MB of room, and the run may need "
            f"{needed / 1e6:,.0f} MB: make room, choose another folder with --out{remedy}"
        )


def bytes_needed(parts: Parts) -> int:
    """The most that a run has on disk at once, about."""
    trainer, settings = parts.trainer, parts.settings
    weights: int = sum(value.nbytes for value in trainer.model.state_dict().values())
    needed = weights + _REPORT_BYTES
    if settings.checkpoint_seconds == math.inf:
        return needed
    if parts.clock is None:
        moments = 1 if settings.train.optimizer == "sgd" else 2
        copies = 1 + moments + bool(settings.train.ema_decay)
        needed += _CHECKPOINTS * copies * weights
    if parts.recipe is not None:
        images = min(parts.planned, parts.pool.capacity + parts.pool.spare)
        needed += images * 3 * parts.image_size**2
    return needed
