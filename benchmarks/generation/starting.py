"""Contenders in processes of their own: the search for the best batch, then the rounds.

Searches come first, each alone on the machine: memory that another one holds would end them early.
Then all are started, for rounds in turn, if memory holds them; if not, each has the machine alone
for all of its rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import torch

from ...base.memory import free_memory, is_out_of_memory
from ..harness import (
    BatchPoint,
    Contender,
    ContenderError,
    Measurement,
    Rounds,
    Worker,
    run_rounds,
    search_best_batch,
)
from .contender import GeneratorName
from .contestant import GenerationWorker
from .entrant import Contest, Entrant
from .job import GenerationJob

Tell = Callable[[str], None]


def searched(name: GeneratorName, job: GenerationJob, tell: Tell) -> Entrant:
    """The contender with the batch of its name, or the best, found in a process that ends here."""
    if name.batch_size is not None:
        return Entrant(name, name.batch_size)

    def tell_point(point: BatchPoint) -> None:
        figure = point.reason or f"{point.images_per_second:.3g} images/s"
        tell(f"{name.text}, batch {point.batch_size}: {figure}")

    try:
        with Worker(partial(GenerationWorker, job, name)) as worker:
            rate = partial(worker.call, "rate")
            search = search_best_batch(_doublings(job.images), rate, tell_point)
    except ContenderError as error:
        tell(f"{name.text} cannot serve: {error}")
        return Entrant(name, reason=str(error))
    return Entrant(name, search.best, search)


def hold_contest(
    entrants: Sequence[Entrant],
    job: GenerationJob,
    rounds: int,
    on_round: Callable[[Contest], None],
    tell: Tell,
) -> Contest:
    """Start all and measure their rounds; Ctrl-C ends it with those that are finished."""
    with ExitStack() as workers:
        ready, contenders = _all_started(entrants, job, workers, tell)
        if ready is not None:

            def after(so_far: Rounds) -> None:
                tell(f"round {so_far.done} of {so_far.wanted}")
                on_round(Contest(ready, so_far, in_turn=True))

            return Contest(ready, run_rounds(contenders, rounds, after), in_turn=True)
    tell("memory does not hold all contenders at once: each is measured alone")
    return _one_by_one(entrants, job, rounds, on_round, tell)


def _all_started(
    entrants: Sequence[Entrant], job: GenerationJob, workers: ExitStack, tell: Tell
) -> tuple[tuple[Entrant, ...] | None, list[Contender]]:
    """All that can serve in their processes; None where memory would not hold as many.

    It would not where less is free than the largest so far takes.
    """
    device = torch.device(job.device)
    ready, contenders, largest = [], [], 0
    for entrant in entrants:
        if entrant.reason is not None:
            ready.append(entrant)
            continue
        if largest and free_memory(device) < largest:
            return None, []
        try:
            started, contender = _started(entrant, job, workers, tell)
        except ContenderError as error:
            if largest and is_out_of_memory(error):
                return None, []
            ready.append(_cannot_serve(entrant, error, tell))
            continue
        ready.append(started)
        contenders.append(contender)
        largest = max(largest, 0 if started.first is None else started.first.memory_bytes)
    return tuple(ready), contenders


def _one_by_one(
    entrants: Sequence[Entrant],
    job: GenerationJob,
    wanted: int,
    on_round: Callable[[Contest], None],
    tell: Tell,
) -> Contest:
    """All rounds of each contender, in a process that ends before the next one's starts."""
    ready, measured = list(entrants), list[Measurement]()

    def so_far(done: int) -> Contest:
        return Contest(tuple(ready), Rounds(tuple(measured), done, wanted), in_turn=False)

    for place, entrant in enumerate(entrants):
        if entrant.reason is not None:
            continue
        try:
            with ExitStack() as workers:
                ready[place], contender = _started(entrant, job, workers, tell)
                rounds = run_rounds(
                    [contender], wanted, lambda state: tell(f"round {state.done} of {state.wanted}")
                )
        except ContenderError as error:
            ready[place] = _cannot_serve(entrant, error, tell)
            continue
        except KeyboardInterrupt:
            return so_far(0)
        measured += rounds.measurements
        if rounds.done < wanted:
            return so_far(0)
        on_round(so_far(0))
    return so_far(wanted)


def _started(
    entrant: Entrant, job: GenerationJob, workers: ExitStack, tell: Tell
) -> tuple[Entrant, Contender]:
    """The contender ready in its process, which `workers` ends."""
    name = entrant.name
    tell(f"{name.text}, batch {entrant.batch_size}: loading and warming up")
    worker = workers.enter_context(Worker(partial(GenerationWorker, job, name)))
    first = worker.call("start", entrant.batch_size)
    return replace(entrant, first=first), Contender(name.text, partial(worker.call, "seconds"))


def _cannot_serve(entrant: Entrant, error: ContenderError, tell: Tell) -> Entrant:
    tell(f"{entrant.name.text} cannot serve: {error}")
    return replace(entrant, reason=str(error))


def _doublings(images: int) -> Iterator[int]:
    """1, 2, 4 and so on, as long as they divide `images`: no batch is smaller than the others."""
    size = 1
    while images % size == 0:
        yield size
        size *= 2
