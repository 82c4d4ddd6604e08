"""Where the time of a batch goes, stage by stage, how near that is to the machine's limits.

    zeroreal bench latency --random-weights sd15 --steps 20 --batch-size 1 --result latency.json

A batch is timed from its specs to its images in the caller's hands, with nothing else under way.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...base import InputError, keep_freed_memory, resolve_device
from ...base.device import matmul_dtype
from ...export import find_model, parse_engine, random_model
from ...generate import load_recipe
from ...report.results.result import Figures, Row
from ..harness import SILENT, ContenderError, Progress, Worker
from .guard import compare_images, reference_of
from .job import LatencyJob
from .limits import Limits, measure_limits
from .other_rows import guard_row, size_rows, start_rows
from .rows import stage_rows, whole_row
from .settings import PARTS, LatencySettings
from .stage_work import BatchWork, batch_work
from .start import Start, start_once
from .summary import guard_reasons, timing_facts, timing_reasons
from .sweep import SizePoint, sweep
from .timing import Timed, time_batches
from .trace import batch_records, trace_events
from .worker import LatencyWorker, Loaded


@dataclass
class _Found:
    """What was measured so far."""

    facts: dict[str, Any] = field(default_factory=dict)
    stages: list[Row] = field(default_factory=list)
    points: list[SizePoint] = field(default_factory=list)
    others: list[Row] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    records: tuple[dict[str, Any], ...] = ()
    trace: tuple[dict[str, Any], ...] = ()

    def figures(self, finished: bool = False) -> Figures:
        """All of it."""
        return Figures(
            rows=(*self.stages, *size_rows(self.points), *self.others),
            facts=self.facts,
            reasons=tuple(self.reasons),
            finished=finished,
            records=self.records,
            trace=self.trace,
        )


def measure_latency(settings: LatencySettings, progress: Progress = SILENT) -> Figures:
    """Measure; what there is is kept after each part.

    Ctrl-C ends the measurement with what there is. Raises `InputError` for settings that cannot be
    used, and where model or batch do not fit.
    """
    device = _check(settings)
    found = _Found()
    with _model(settings) as folder:
        generate = replace(settings.generate, model=str(folder))
        job = LatencyJob(generate, str(device), settings.recipe, settings.known_prompts)
        try:
            _measure(settings, job, found, progress)
        except ContenderError as error:
            raise InputError(str(error)) from None
        except KeyboardInterrupt:
            figures = found.figures()
            if not figures.rows:
                raise
            return figures
    return found.figures(finished=True)


def _measure(settings: LatencySettings, job: LatencyJob, found: _Found, progress: Progress) -> None:
    parts = settings.parts or PARTS
    progress.tell("loading, and tuning what is left open")
    with Worker(partial(LatencyWorker, job)) as worker:
        loaded: Loaded = worker.call("loaded")
    settled = job.settled(loaded.found)
    found.facts |= {"generator": asdict(loaded)}
    if "stages" in parts:
        _stages(settings, settled, loaded, found, progress)
    if "stages" in parts or "sweep" in parts:
        progress.tell("comparing images to those of PyTorch in fp32")
        _guard(settings, job, settled, found)
        progress.keep(found.figures())
    if "sweep" in parts:
        _sweep(settings, job, loaded, found, progress)
    if "start" in parts:
        starts: list[Start] = []
        kept = list(found.others)
        for number in range(settings.starts):
            progress.tell(f"new process {number + 1} of {settings.starts}")
            starts.append(start_once(settled))
            found.others = [*kept, *start_rows(starts)]
            progress.keep(found.figures())


def _stages(
    settings: LatencySettings,
    job: LatencyJob,
    loaded: Loaded,
    found: _Found,
    progress: Progress,
) -> None:
    progress.tell("measuring what the device can do")
    limits = measure_limits(torch.device(job.device), {loaded.dtype, loaded.vae_dtype})
    work = batch_work(job, loaded, find_model(settings.reference or job.settings.model))
    timed = time_batches(job, settings.batches, progress.tell)
    if timed.seen:
        _keep_stages(timed, loaded, work, limits, found)
    if not timed.is_finished:
        raise KeyboardInterrupt
    progress.keep(found.figures())


def _keep_stages(
    timed: Timed, loaded: Loaded, work: BatchWork, limits: Limits, found: _Found
) -> None:
    whole = whole_row(timed.seen, timed.unseen, loaded)
    found.stages = [*stage_rows(timed.seen, loaded, work, limits), whole]
    joules = () if isinstance(timed.joules, str) else timed.joules
    found.points = [SizePoint(loaded.batch_size, tuple(timed.unseen), timed.memory, joules=joules)]
    found.reasons += timing_reasons(whole, timed)
    found.facts |= timing_facts(timed, loaded, work, limits)
    found.records = tuple(batch_records(timed.seen, loaded.batch_size))
    found.trace = tuple(trace_events(timed.seen))


def _guard(settings: LatencySettings, job: LatencyJob, settled: LatencyJob, found: _Found) -> None:
    try:
        reference = reference_of(job, settings.reference)
        compared = compare_images(settled, reference, settings.guard_images)
    except ContenderError as error:
        found.reasons.append(f"the images were not compared to the reference's: {error}")
        return
    found.others.append(guard_row(compared))
    found.reasons += guard_reasons(compared, settings.least_psnr)


def _sweep(
    settings: LatencySettings, job: LatencyJob, loaded: Loaded, found: _Found, progress: Progress
) -> None:
    def keep(point: SizePoint) -> None:
        found.points.append(point)
        progress.tell(f"batch {point.batch_size}: {point.reason or 'done'}")
        progress.keep(found.figures())

    known = [point.batch_size for point in found.points]
    sizes = [size for size in settings.sizes if size not in known]
    sweep(job, loaded.found, sizes, settings.sweep_batches, keep)


def _check(settings: LatencySettings) -> torch.device:
    """The device; complains of whatever can be known before anything is loaded."""
    device = resolve_device(settings.device)
    if device.type == "cpu":
        keep_freed_memory()  # as the generator does, in whose process the tests measure
    if settings.generate.engine != "auto":
        parse_engine(settings.generate.engine)
    matmul_dtype(settings.generate.precision, device)
    load_recipe(settings.recipe)
    return device


def _model(settings: LatencySettings) -> AbstractContextManager[Path]:
    """The model's folder; one of random weights is there for as long as it is needed."""
    if settings.random_weights is None:
        return nullcontext(find_model(settings.generate.model, settings.generate.variant))
    return random_model(settings.random_weights)
