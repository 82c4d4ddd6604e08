"""A run that keeps to a time budget: its parts, with the settings that promise most."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from ...base import InputError
from ...train.pool.size import images_in, room_for
from ..job import Job
from ..progress import Progress
from ..settings import RunSettings
from .clock import GenerationClock, deadline_of
from .levers import read_levers
from .plans import Budget, rank_plans
from .speeds import measure_speeds


def within_budget(
    settings: RunSettings,
    seconds: float,
    on_progress: Callable[[Progress], None],
    keep: Collection[str],
    started: float,
) -> Job:
    """The job that promises most within `seconds` from `started`, by what was measured.

    Images come first and then training, for how many there will be shows only when the time for
    them is over.
    """
    job = Job(replace(settings, blocks=1, pool_policy="keep"), on_progress)
    on_progress(Progress("calibrate", 0, 1))
    facts = job.generator.facts
    speeds = measure_speeds(
        job.generator,
        job.plan,
        job.settings,
        at_once=facts.batch_size * max(1, len(settings.devices)),
        image_size=job.image_size,
        test_images=0 if job.test is None else len(job.test.images),
        load=job.seconds["load"],
    )
    spent = time.perf_counter() - started
    room = images_in(room_for(job.generator.device, settings.pool), job.image_size)
    room += images_in(settings.spill or 0, job.image_size)
    plans = rank_plans(job.settings, keep, Budget(seconds, spent, room), speeds, read_levers())
    job.close()
    del job  # before another takes memory
    for chosen in plans:
        try:
            best = Job(replace(chosen.settings, **facts.found), on_progress)
            break
        except InputError:  # levers that this model or engine does not have
            if chosen is plans[-1]:
                raise
    on_progress(Progress("calibrate", 1, 1, chosen.lever))
    best.clock = GenerationClock(deadline_of(seconds, started), speeds)
    best.budget = chosen
    return best
