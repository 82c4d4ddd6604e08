"""A run that keeps to a time budget: its parts, with the settings that promise most."""

from __future__ import annotations

import gc
import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from ...base import InputError
from ...base.progress import OnStage, StageProgress
from ...base.ranks import Ranks
from ...train.pool.size import images_in, room_for
from ..parts import Parts
from ..preparation import prepare
from ..settings import RunSettings
from ..stored.images import StoredImages
from .clock import GenerationClock, Speeds, deadline_of
from .levers import read_levers
from .plans import Budget, BudgetPlan, on_baseline, rank_plans
from .speeds import measure_speeds


def within_budget(
    settings: RunSettings,
    seconds: float,
    on_progress: OnStage,
    ranks: Ranks,
    keep: Collection[str],
    started: float,
) -> tuple[Parts, BudgetPlan, Speeds]:
    """The run that promises most within `seconds` from `started`, by what was measured.

    Images come first and then training, for how many there will be shows only when the time for
    them is over.
    """
    pool = replace(settings.pool, blocks=1, policy="keep")
    settings = replace(settings, pool=pool)
    plans, speeds, found = _measure(settings, seconds, on_progress, ranks, keep, started)
    gc.collect()  # what was loaded to measure, which refers to itself in circles
    for chosen in plans:
        generate = replace(chosen.settings.generate, **found)
        clock = GenerationClock(deadline_of(seconds, started), speeds)
        try:
            parts = prepare(replace(chosen.settings, generate=generate), on_progress, ranks, clock)
            break
        except InputError:  # levers that this model or engine does not have
            if chosen is plans[-1]:
                raise
    on_progress(StageProgress("calibrate", 1, 1, chosen.lever))
    return parts, chosen, speeds


def _measure(
    settings: RunSettings,
    seconds: float,
    on_progress: OnStage,
    ranks: Ranks,
    keep: Collection[str],
    started: float,
) -> tuple[list[BudgetPlan], Speeds, dict[str, Any]]:
    """Plans that fit, how fast the parts of a run are here, and what tuning found."""
    parts = prepare(on_baseline(settings), on_progress, ranks)
    on_progress(StageProgress("calibrate", 0, 1))
    generator = parts.source
    assert not isinstance(generator, StoredImages)  # which settings allow no time budget
    facts = generator.facts
    speeds = measure_speeds(
        generator,
        parts.plan,
        settings,
        at_once=facts.batch_size * max(1, len(settings.devices)),
        image_size=parts.image_size,
        test_images=0 if parts.test is None else len(parts.test.images),
        load=parts.seconds + parts.reading_seconds,
    )
    spent = time.perf_counter() - started
    room = images_in(room_for(generator.device, settings.pool.memory), parts.image_size)
    room += images_in(settings.pool.spill or 0, parts.image_size)
    parts.close()
    budget = Budget(seconds, spent, room)
    return rank_plans(settings, keep, budget, speeds, read_levers()), speeds, facts.found
