"""What each step from `diffusers` to our fastest is worth: speed, memory and images of every row.

Each row has a process of its own. Where memory holds all of them they take turns, round after
round; otherwise one follows the other, and a machine that changes meanwhile changes the ratios.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import torch

from ...base import InputError
from ...base.memory import free_memory
from ...report.results.result import Figures
from ..generation.contender import parse_contender
from ..generation.contestant import FirstRun, GenerationJob, GenerationWorker
from ..harness import (
    SILENT,
    Contender,
    ContenderError,
    Measurement,
    Progress,
    Rounds,
    Worker,
    doubts,
    reason_of,
    run_rounds,
    search_best_batch,
)
from .chain import Link
from .figures import Measured, Pixels, Ready, difference, rows_of
from .flops import flop_per_image
from .job import check_settings, links_of, model_of, waterfall_job
from .settings import WaterfallSettings

_SHARE_OF_FREE = 0.7
"""Of the memory that is free, at most, for rows that take turns."""


@dataclass
class _Run:
    """What is measured, and how far it is."""

    settings: WaterfallSettings
    job: GenerationJob
    links: tuple[Link, ...]
    progress: Progress
    batches: dict[str, int] = field(default_factory=dict)
    measured: list[Measured] = field(default_factory=list)
    first: Pixels | None = None
    together: bool | None = None
    """Whether all rows stay in memory; None: not known yet."""
    reasons: list[str] = field(default_factory=list)

    def figures(self, finished: bool) -> Figures:
        """What there is."""
        facts = {
            "generate_size": self.job.generate_size,
            "images": self.job.images,
            "interleaved": bool(self.together),
        }
        rows = rows_of(self.measured, self.job.images)
        return Figures(rows, facts, tuple(dict.fromkeys(self.reasons)), finished)


def measure_waterfall(settings: WaterfallSettings, progress: Progress = SILENT) -> Figures:
    """Measure the rows; what there is is kept after each, or after each round.

    Ctrl-C ends the measurement with what there is. A row that cannot serve has its reason. Raises
    `InputError` for settings that cannot be used.
    """
    check_settings(settings)
    with model_of(settings) as folder:
        job = waterfall_job(settings, folder)
        run = _Run(settings, job, links_of(settings, job), progress, together=settings.interleaved)
        try:
            _search_batches(run)
            finished = _measure(run)
        except KeyboardInterrupt:
            if not any(one.measurement.seconds for one in run.measured):
                raise
            finished = False
    return run.figures(finished)


def _search_batches(run: _Run) -> None:
    """Each row's best batch, in a process that is gone before another row's memory is taken."""
    for link in run.links:
        if run.settings.batch_size is not None:
            run.batches[link.name] = run.settings.batch_size
            continue
        run.progress.tell(f"{link.name}: looking for its best batch")
        try:
            with Worker(partial(GenerationWorker, run.job, parse_contender(link.contender))) as one:
                rate = partial(one.call, "rate")
                run.batches[link.name] = search_best_batch(_doublings(run.job.images), rate).best
        except ContenderError as error:
            _note(run, _failed(link, str(error)))


def _doublings(images: int) -> Iterator[int]:
    """1, 2, 4 and so on, as long as they divide `images`."""
    size = 1
    while images % size == 0:
        yield size
        size *= 2


def _measure(run: _Run) -> bool:
    """Start and measure the rows in groups that fit into memory; whether all was measured."""
    pending = deque(link for link in run.links if link.name in run.batches)
    while pending:
        with ExitStack() as workers:
            contenders: list[Contender] = []
            while pending and (run.together or not contenders):
                contenders += _start(run, pending.popleft(), workers)
            if contenders and not _rounds(run, contenders):
                return False
        run.progress.keep(run.figures(finished=not pending))
    return True


def _start(run: _Run, link: Link, workers: ExitStack) -> list[Contender]:
    """Load the row and generate once; nothing where it cannot serve, which is noted."""
    run.progress.tell(f"{link.name}: loading and warming up")
    name, batch_size = parse_contender(link.contender), run.batches[link.name]
    try:
        flop = flop_per_image(run.job, name)
        worker = workers.enter_context(Worker(partial(GenerationWorker, run.job, name)))
        started: FirstRun = worker.call("start", batch_size)
    except (InputError, ContenderError) as error:
        _note(run, _failed(link, reason_of(error)))
        return []
    if run.first is None:
        run.first = started.pixels
    memory = started.device_memory_bytes or started.peak_memory_bytes
    if run.together is None:
        free = free_memory(torch.device(run.job.device))
        run.together = memory * (len(run.links) - 1) <= _SHARE_OF_FREE * free
    ready = Ready(
        batch_size=batch_size,
        flop=flop,
        memory_bytes=memory,
        load_seconds=started.load_seconds,
        difference=difference(started.pixels, run.first),
    )
    _note(run, Measured(link, Measurement(link.name), ready))
    return [Contender(link.name, partial(worker.call, "seconds"))]


def _rounds(run: _Run, contenders: list[Contender]) -> bool:
    """Measure rows that are ready; whether no round was interrupted."""
    before, names = list(run.measured), ", ".join(one.name for one in contenders)

    def take(rounds: Rounds) -> None:
        found = {one.name: one for one in rounds.measurements}
        run.measured = [
            Measured(one.link, found.get(one.link.name, one.measurement), one.ready)
            for one in before
        ]

    def after(rounds: Rounds) -> None:
        run.progress.tell(f"round {rounds.done} of {rounds.wanted}: {names}")
        take(rounds)
        run.progress.keep(run.figures(finished=False))

    rounds = run_rounds(contenders, run.settings.rounds, after)
    take(rounds)
    run.reasons += doubts(rounds)
    return rounds.done == rounds.wanted


def _note(run: _Run, row: Measured) -> None:
    """Put a row among those measured, in the chain's order."""
    place = {link.name: number for number, link in enumerate(run.links)}
    run.measured = sorted([*run.measured, row], key=lambda one: place[one.link.name])
    if row.measurement.reason is not None:
        run.progress.tell(f"{row.link.name} cannot serve: {row.measurement.reason}")


def _failed(link: Link, reason: str) -> Measured:
    return Measured(link, Measurement(link.name, reason=reason))
