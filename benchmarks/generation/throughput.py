"""Images a second of our generator and of its peers, on the same images, each at its best batch.

Contenders take turns, round after round, each in a process of its own. The first that can serve is
the one that the others' speed and images are compared to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch

from ...base.device import matmul_dtype
from ...base.sides import as_sides
from ...export import check_model_folder, load_scheduler, schedule_of
from ...report.results.result import Figures
from ..harness import SILENT, Progress
from ..harness.ceilings import measure_matmul
from .contender import GeneratorName
from .entrant import Contest
from .flops import count_flops
from .job import GenerationJob
from .settings import ThroughputSettings
from .starting import hold_contest, searched
from .throughput_figures import figures
from .work import benchmark_model, check_settings, generation_job


def measure_throughput(settings: ThroughputSettings, progress: Progress = SILENT) -> Figures:
    """Measure; what there is is kept after every round.

    Ctrl-C ends the rounds, and the figures are those of the ones which are finished. Raises
    `InputError` for settings that cannot be used; a contender that cannot serve has a row with its
    reason.
    """
    names = check_settings(settings)
    with benchmark_model(settings) as folder:
        job = generation_job(
            settings,
            folder,
            images=settings.images,
            device=settings.device,
            recipe=settings.recipe,
        )
        facts = _facts(job, names, progress.tell)
        entrants = [searched(name, job, progress.tell) for name in names]

        def keep(contest: Contest) -> None:
            so_far = figures(contest, facts)
            progress.keep(Figures(so_far.rows, so_far.facts, so_far.reasons, finished=False))

        contest = hold_contest(entrants, job, settings.rounds, keep, progress.tell)
        return figures(contest, facts)


def _facts(
    job: GenerationJob, names: Sequence[GeneratorName], tell: Callable[[str], None]
) -> dict[str, Any]:
    """What is the same for all: the work, an image's FLOP, the ceiling in every precision."""
    device, info = torch.device(job.device), check_model_folder(job.folder)
    flops = count_flops(job.folder, job.generate_size)
    calls = len(schedule_of(load_scheduler(job.folder, job.scheduler), job.steps).steps)
    doubled = [info.guided and spec.guidance > 1 for spec in job.specs()]
    each = [flops.per_image(calls, two_rows) for two_rows in doubled]
    tell("measuring what the device can do")
    ceilings = {
        precision: asdict(measure_matmul(device, matmul_dtype(precision, device)))
        for precision in dict.fromkeys(name.precision for name in names)
    }
    if device.type == "cuda":
        torch.cuda.empty_cache()  # the contenders' processes are to have all of the memory
    return {
        "images": job.images,
        "generate_size": as_sides(*job.generate_size),
        "unet_calls": calls,
        "flop": {**asdict(flops), "per_image": sum(each) / len(each)},
        "matmul_ceilings": ceilings,
    }
