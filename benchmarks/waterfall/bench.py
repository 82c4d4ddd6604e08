"""What each step from `diffusers` to our fastest is worth: speed, memory and images of every row.

Each row has a process of its own. Where memory holds all of them they take turns, round after
round; otherwise one follows the other, and a machine that changes meanwhile changes the ratios.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from ...base import InputError, resolve_device, resolve_precision
from ...base.device import PRECISIONS
from ...export import check_model_folder
from ...export.model.parts import few_step_unet
from ...report.results.result import Figures
from ..generation.contender import parse_contender
from ..generation.entrant import Contest
from ..generation.job import GenerationJob
from ..generation.starting import hold_contest, searched
from ..generation.work import benchmark_model, check_work, generation_job
from ..harness import SILENT, Progress, check_counts
from .chain import Link, chain, chosen
from .figures import figures
from .flops import flop_per_image
from .settings import WaterfallSettings


def measure_waterfall(settings: WaterfallSettings, progress: Progress = SILENT) -> Figures:
    """Measure the rows; what there is is kept after each round.

    Ctrl-C ends the rounds, and the figures are those of the ones which are finished. A row that
    cannot serve has its reason. Raises `InputError` for settings that cannot be used.
    """
    _check(settings)
    with benchmark_model(settings) as folder:
        job = generation_job(
            settings,
            folder,
            images=settings.images,
            device=settings.device,
            recipe=settings.recipe,
        )
        links = _links(settings, job)
        names = [parse_contender(_with_batch(link, settings.batch_size)) for link in links]
        flop: dict[str, float] = {}

        def figures_of(contest: Contest) -> Figures:
            for one in contest.entrants:
                if one.first is not None and one.name.text not in flop:
                    flop[one.name.text] = flop_per_image(job, one.name)
            return figures(links, contest, job, flop)

        def keep(contest: Contest) -> None:
            progress.keep(replace(figures_of(contest), finished=False))

        entrants = [searched(name, job, progress.tell) for name in names]
        return figures_of(hold_contest(entrants, job, settings.rounds, keep, progress.tell))


def _check(settings: WaterfallSettings) -> None:
    """Raise `InputError` for what can be known before a model is looked at."""
    check_counts({"images": settings.images, "rounds": settings.rounds})
    check_work(settings)
    resolve_device(settings.device)
    if settings.batch_size is None:
        return
    check_counts({"batch size": settings.batch_size})
    if settings.images % settings.batch_size:
        raise InputError(
            f"{settings.images} images are no whole number of batches of {settings.batch_size}: "
            "use a multiple of it"
        )


def _links(settings: WaterfallSettings, job: GenerationJob) -> tuple[Link, ...]:
    """The rows that are asked for, on the device and of the model of `job`."""
    device = torch.device(job.device)
    native = resolve_precision("auto", device)
    (precision,) = (name for name, dtype in PRECISIONS.items() if dtype == native)
    guided = check_model_folder(job.folder).guided and settings.guidance != "off"
    distilled = few_step_unet(job.folder) is not None
    return chosen(chain(device.type, precision, settings.steps, guided, distilled), settings.rows)


def _with_batch(link: Link, batch_size: int | None) -> str:
    return link.contender if batch_size is None else f"{link.contender}@{batch_size}"
