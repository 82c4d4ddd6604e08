"""Images a second of our generator and of `diffusers`, on the same images, each at its best batch.

    zeroreal bench throughput diffusers/fp32 ours:onnxruntime/fp32 --result FILE

Contenders take turns, round after round, each in a process of its own. The first that can serve is
the one that the others' speed and images are compared to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...base import InputError, resolve_device, resolve_precision, unknown
from ...engine import Cache
from ...export import check_model_folder, find_model, load_scheduler, random_model, schedule_of
from ...export.engines.choice import image_side
from ..harness import (
    BatchPoint,
    Contender,
    ContenderError,
    Rounds,
    Worker,
    check_result_path,
    run_facts,
    run_rounds,
    search_best_batch,
    write_result,
)
from ..harness.ceilings import matmul_ceiling
from .contender import GeneratorName, parse_contender
from .contestant import GUIDANCE, GenerationJob, GenerationWorker
from .flops import count_flops
from .throughput_figures import Started, figures

DEFAULT_CONTENDERS = (
    "diffusers/fp32",
    "diffusers:compiled/fp32",
    "ours:torch/fp32",
    "ours:onnxruntime/fp32",
)
OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class ThroughputSettings:
    """What is generated, by whom, and how often."""

    contenders: tuple[str, ...] = DEFAULT_CONTENDERS
    """See `parse_contender`."""
    model: str | None = None
    """A diffusers folder or hub id; the embedded model by default."""
    random_weights: str | None = None
    """In place of a model: an architecture's name, such as `sd15`."""
    image_size: int | None = None
    """Side in pixels of generation; the model's own by default."""
    steps: int = 12
    scheduler: str | None = None
    """A diffusers scheduler's class name; the model's own by default."""
    guidance: str = "on"
    """`on`: 7.5 for all images; `off`; or `recipe`."""
    recipe: str = "base"
    """Of the prompts."""
    images: int = 256
    """In each round."""
    rounds: int = 5
    device: str = "auto"
    result: Path | None = None
    """The file to write."""


def throughput(
    settings: ThroughputSettings, on_progress: OnProgress = lambda line: None
) -> dict[str, Any]:
    """Measure, and give the result, which is written after every round as well.

    Ctrl-C ends the rounds, and the result is that of those which are finished. Raises `InputError`
    for settings that cannot be used; a contender that cannot serve is in the result with its
    reason.
    """
    names = _check(settings)
    with benchmark_model(settings) as folder, ExitStack() as workers:
        job = generation_job(settings, folder)
        facts = _facts(settings, job, names, on_progress)
        started = [_start(name, job, workers, on_progress) for name in names]

        def result_of(rounds: Rounds) -> dict[str, Any]:
            result = {**facts, **figures(started, rounds, facts)}
            if settings.result is not None:
                write_result(settings.result, result)
            return result

        def after(rounds: Rounds) -> None:
            on_progress(f"round {rounds.done} of {rounds.wanted}")
            result_of(rounds)

        contenders = [
            Contender(one.name.text, partial(one.worker.call, "seconds"))
            for one in started
            if one.worker is not None
        ]
        return result_of(run_rounds(contenders, settings.rounds, after))


def _check(settings: ThroughputSettings) -> list[GeneratorName]:
    """The contenders; complains of whatever can be known before anything is loaded."""
    for what, value in {
        "images": settings.images,
        "rounds": settings.rounds,
        "steps": settings.steps,
    }.items():
        if value < 1:
            raise InputError(f"{what} is {value}: at least 1 is needed")
    if settings.guidance not in GUIDANCE:
        raise unknown("guidance", settings.guidance, GUIDANCE)
    if settings.model is not None and settings.random_weights is not None:
        raise InputError("both a model and random weights were given: leave one of them out")
    if len(set(settings.contenders)) < len(settings.contenders):
        raise InputError(f"{' '.join(settings.contenders)} names a contender twice: once will do")
    device = resolve_device(settings.device)
    names = [parse_contender(text) for text in settings.contenders]
    for name in names:
        resolve_precision(name.precision, device)
        if name.batch_size is not None and settings.images % name.batch_size:
            raise InputError(
                f"{settings.images} images are no whole number of batches of {name.text!r}: "
                f"use a multiple of {name.batch_size}"
            )
    if settings.result is not None:
        check_result_path(settings.result)
    return names


def benchmark_model(settings: ThroughputSettings) -> AbstractContextManager[Path]:
    """The model's folder; one of random weights is there for as long as it is needed."""
    if settings.random_weights is None:
        return nullcontext(find_model(settings.model))
    return random_model(settings.random_weights)


def generation_job(settings: ThroughputSettings, folder: Path) -> GenerationJob:
    """What is generated of the model in `folder`."""
    return GenerationJob(
        folder=folder,
        image_size=image_side(check_model_folder(folder), settings.image_size),
        images=settings.images,
        steps=settings.steps,
        scheduler=settings.scheduler,
        guidance=settings.guidance,
        recipe=settings.recipe,
        device=str(resolve_device(settings.device)),
        cache=Cache().root,
    )


def _facts(
    settings: ThroughputSettings,
    job: GenerationJob,
    names: Sequence[GeneratorName],
    on_progress: OnProgress,
) -> dict[str, Any]:
    """What is the same for all: the run, an image's FLOP, the ceiling in every precision."""
    device, info = torch.device(job.device), check_model_folder(job.folder)
    flops = count_flops(job.folder, job.image_size)
    calls = len(schedule_of(load_scheduler(job.folder, job.scheduler), job.steps).steps)
    doubled = [info.guided and spec.guidance > 1 for spec in job.specs()]
    each = [flops.per_image(calls, two_rows) for two_rows in doubled]
    on_progress("measuring what the device can do")
    precisions = dict.fromkeys(name.precision for name in names)
    asked = {name: value for name, value in asdict(settings).items() if name != "result"}
    return {
        **run_facts(device),
        **asked,
        "image_size": job.image_size,
        "unet_calls": calls,
        "flop": {**asdict(flops), "per_image": sum(each) / len(each)},
        "matmul_ceiling_flop_per_second": {
            precision: matmul_ceiling(device, resolve_precision(precision, device))
            for precision in precisions
        },
    }


def _start(
    name: GeneratorName, job: GenerationJob, workers: ExitStack, on_progress: OnProgress
) -> Started:
    """Find the best batch in one process; start in another, whose memory is that batch's alone."""
    make = partial(GenerationWorker, job, name)

    def tell(point: BatchPoint) -> None:
        figure = point.reason or f"{point.images_per_second:.3g} images/s"
        on_progress(f"{name.text}, batch {point.batch_size}: {figure}")

    try:
        search, batch_size = None, name.batch_size
        if batch_size is None:
            with Worker(make) as searching:
                rate = partial(searching.call, "rate")
                search = search_best_batch(_doublings(job.images), rate, tell)
            batch_size = search.best
        on_progress(f"{name.text}, batch {batch_size}: loading and warming up")
        worker = workers.enter_context(Worker(make))
        first = worker.call("start", batch_size)
    except ContenderError as error:
        on_progress(f"{name.text} cannot serve: {error}")
        return Started(name, reason=str(error))
    return Started(name, None, batch_size, search, first, worker)


def _doublings(images: int) -> Iterator[int]:
    """1, 2, 4 and so on, as long as they divide `images`: no batch is smaller than the others."""
    size = 1
    while images % size == 0:
        yield size
        size *= 2
