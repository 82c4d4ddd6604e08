"""Images a second of our generator and of `diffusers`, on the same images, each at its best batch.

    zeroreal bench throughput diffusers/fp32 ours:onnxruntime/fp32 --result FILE

Contenders take turns, round after round, each in a process of its own. The first that can serve is
the one that the others' speed and images are compared to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from typing import Any

import torch

from ...base import resolve_precision
from ...export import check_model_folder, load_scheduler, schedule_of
from ..harness import (
    BatchPoint,
    Contender,
    ContenderError,
    Rounds,
    Tell,
    Worker,
    run_facts,
    run_rounds,
    search_best_batch,
    silent,
    write_result,
)
from ..harness.ceilings import matmul_ceiling
from .contender import GeneratorName
from .contestant import GenerationJob, GenerationWorker
from .flops import count_flops
from .throughput_figures import Started, figures
from .throughput_settings import (
    ThroughputSettings,
    benchmark_model,
    check_settings,
    generation_job,
)


def bench_throughput(settings: ThroughputSettings, tell: Tell = silent) -> dict[str, Any]:
    """Measure, and give the result, which is written after every round as well.

    Ctrl-C ends the rounds, and the result is that of those which are finished. Raises `InputError`
    for settings that cannot be used; a contender that cannot serve is in the result with its
    reason.
    """
    names = check_settings(settings)
    with benchmark_model(settings) as folder, ExitStack() as workers:
        job = generation_job(settings, folder)
        facts = _facts(settings, job, names, tell)
        started = [_start(name, job, workers, tell) for name in names]

        def result_of(rounds: Rounds) -> dict[str, Any]:
            result = {**facts, **figures(started, rounds, facts)}
            if settings.result is not None:
                write_result(settings.result, result)
            return result

        def after(rounds: Rounds) -> None:
            tell(f"round {rounds.done} of {rounds.wanted}")
            result_of(rounds)

        contenders = [
            Contender(one.name.text, partial(one.worker.call, "seconds"))
            for one in started
            if one.worker is not None
        ]
        return result_of(run_rounds(contenders, settings.rounds, after))


def _facts(
    settings: ThroughputSettings,
    job: GenerationJob,
    names: Sequence[GeneratorName],
    tell: Tell,
) -> dict[str, Any]:
    """What is the same for all: the run, an image's FLOP, the ceiling in every precision."""
    device, info = torch.device(job.device), check_model_folder(job.folder)
    flops = count_flops(job.folder, job.generate_size)
    calls = len(schedule_of(load_scheduler(job.folder, job.scheduler), job.steps).steps)
    doubled = [info.guided and spec.guidance > 1 for spec in job.specs()]
    each = [flops.per_image(calls, two_rows) for two_rows in doubled]
    tell("measuring what the device can do")
    precisions = dict.fromkeys(name.precision for name in names)
    asked = {name: value for name, value in asdict(settings).items() if name != "result"}
    return {
        **run_facts(device),
        **asked,
        "generate_size": job.generate_size,
        "unet_calls": calls,
        "flop": {**asdict(flops), "per_image": sum(each) / len(each)},
        "matmul_ceiling_flop_per_second": {
            precision: matmul_ceiling(device, resolve_precision(precision, device))
            for precision in precisions
        },
    }


def _start(name: GeneratorName, job: GenerationJob, workers: ExitStack, tell: Tell) -> Started:
    """Find the best batch in one process; start in another, whose memory is that batch's alone."""
    make = partial(GenerationWorker, job, name)

    def tell_point(point: BatchPoint) -> None:
        figure = point.reason or f"{point.images_per_second:.3g} images/s"
        tell(f"{name.text}, batch {point.batch_size}: {figure}")

    try:
        search, batch_size = None, name.batch_size
        if batch_size is None:
            with Worker(make) as searching:
                rate = partial(searching.call, "rate")
                search = search_best_batch(_doublings(job.images), rate, tell_point)
            batch_size = search.best
        tell(f"{name.text}, batch {batch_size}: loading and warming up")
        worker = workers.enter_context(Worker(make))
        first = worker.call("start", batch_size)
    except ContenderError as error:
        tell(f"{name.text} cannot serve: {error}")
        return Started(name, reason=str(error))
    return Started(name, None, batch_size, search, first, worker)


def _doublings(images: int) -> Iterator[int]:
    """1, 2, 4 and so on, as long as they divide `images`: no batch is smaller than the others."""
    size = 1
    while images % size == 0:
        yield size
        size *= 2
