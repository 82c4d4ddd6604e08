"""One case: the search for each contender's best batch, alone, then rounds in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from ...assets.embedded import EMBEDDED_CLASSES
from ...report.results.result import Figures
from ..harness import (
    BatchPoint,
    Contender,
    ContenderError,
    Rounds,
    Worker,
    run_rounds,
    search_best_batch,
)
from .by_diffusion import DiffusionJob, DiffusionWorker
from .by_encoder import EncoderJob, EncoderWorker
from .entrant import Entrant
from .figures import case_figures
from .names import ZeroshotName

_SMALLEST_BATCH = 8
Job = DiffusionJob | EncoderJob
Tell = Callable[[str], None]


def hold_contest(
    case: str,
    names: Sequence[ZeroshotName],
    job: Job,
    rounds: int,
    keep: Callable[[Figures], None],
    tell: Tell,
) -> Figures:
    """The figures of a case; Ctrl-C ends it with those of the rounds that are finished."""
    entrants = [_searched(name, job, tell) for name in names]
    with ExitStack() as workers:
        contenders = []
        for place, entrant in enumerate(entrants):
            if entrant.reason is None:
                entrants[place], contender = _started(entrant, job, workers, tell)
                contenders += contender

        def after(so_far: Rounds) -> None:
            tell(f"{case}: round {so_far.done} of {so_far.wanted}")
            keep(case_figures(case, entrants, so_far, job.images))

        measured = run_rounds(contenders, rounds, after)
    return case_figures(case, entrants, measured, job.images)


def _searched(name: ZeroshotName, job: Job, tell: Tell) -> Entrant:
    """The contender with the batch of its name, its own choice, or the best, found alone."""
    if name.batch_size is not None or name.chooses_batch:
        return Entrant(name, name.batch_size)

    def tell_point(point: BatchPoint) -> None:
        figure = point.reason or f"{point.images_per_second:.3g} images/s"
        tell(f"{name.text}, batch {point.batch_size}: {figure}")

    try:
        with Worker(_make(job, name)) as worker:
            rate = partial(worker.call, "rate")
            search = search_best_batch(_sizes(job), rate, tell_point)
    except ContenderError as error:
        return _cannot_serve(Entrant(name), error, tell)
    return Entrant(name, search.best, search)


def _sizes(job: Job) -> list[int]:
    """Doublings, as long as there is work to fill a batch."""
    most = job.images
    if isinstance(job, DiffusionJob):
        most *= len(EMBEDDED_CLASSES)
    sizes = [min(_SMALLEST_BATCH, most)]
    while 2 * sizes[-1] <= most:
        sizes.append(2 * sizes[-1])
    return sizes


def _started(
    entrant: Entrant, job: Job, workers: ExitStack, tell: Tell
) -> tuple[Entrant, list[Contender]]:
    """The contender ready in its process, which `workers` ends; none where it cannot serve."""
    tell(f"{entrant.name.text}: loading and warming up")
    worker = workers.enter_context(Worker(_make(job, entrant.name)))
    try:
        answers = worker.call("start", entrant.batch_size)
    except ContenderError as error:
        return _cannot_serve(entrant, error, tell), []
    contender = Contender(entrant.name.text, partial(worker.call, "seconds"))
    return replace(entrant, answers=answers), [contender]


def _make(job: Job, name: ZeroshotName) -> Callable[[], object]:
    if isinstance(job, DiffusionJob):
        return partial(DiffusionWorker, job, name)
    return partial(EncoderWorker, job, name)


def _cannot_serve(entrant: Entrant, error: ContenderError, tell: Tell) -> Entrant:
    tell(f"{entrant.name.text} cannot serve: {error}")
    return replace(entrant, reason=str(error))
