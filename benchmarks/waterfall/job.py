"""What a waterfall's settings mean: checked, the model, the work of all rows, and the rows."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from ...base import InputError, resolve_device, resolve_precision, unknown
from ...base.device import PRECISIONS
from ...engine import Cache
from ...export import check_model_folder, find_model, random_model
from ...export.engines.choice import image_side
from ..generation.contestant import GUIDANCE, GenerationJob
from ..harness import check_counts
from .chain import Link, chain, chosen
from .settings import WaterfallSettings


def check_settings(settings: WaterfallSettings) -> None:
    """Raise `InputError` for what can be known before a model is looked at."""
    check_counts({"images": settings.images, "rounds": settings.rounds, "steps": settings.steps})
    if settings.guidance not in GUIDANCE:
        raise unknown("guidance", settings.guidance, GUIDANCE)
    if settings.model is not None and settings.random_weights is not None:
        raise InputError("both a model and random weights were given: leave one of them out")
    if settings.batch_size is not None:
        check_counts({"batch size": settings.batch_size})
        if settings.images % settings.batch_size:
            raise InputError(
                f"{settings.images} images are no whole number of batches of "
                f"{settings.batch_size}: use a multiple of it"
            )


def model_of(settings: WaterfallSettings) -> AbstractContextManager[Path]:
    """The model's folder; one of random weights is there for as long as it is needed."""
    if settings.random_weights is None:
        return nullcontext(find_model(settings.model))
    return random_model(settings.random_weights)


def waterfall_job(settings: WaterfallSettings, folder: Path) -> GenerationJob:
    """What every row generates of the model in `folder`, but for what levers change."""
    return GenerationJob(
        folder=folder,
        generate_size=image_side(check_model_folder(folder), settings.generate_size),
        images=settings.images,
        steps=settings.steps,
        scheduler=settings.scheduler,
        guidance=settings.guidance,
        recipe=settings.recipe,
        device=str(resolve_device(settings.device)),
        cache=Cache().root,
    )


def links_of(settings: WaterfallSettings, job: GenerationJob) -> tuple[Link, ...]:
    """The rows that are asked for, on the device and of the model of `job`."""
    device = torch.device(job.device)
    native = resolve_precision("auto", device)
    (precision,) = (name for name, dtype in PRECISIONS.items() if dtype == native)
    guided = check_model_folder(job.folder).guided and settings.guidance != "off"
    return chosen(chain(device.type, precision, settings.steps, guided), settings.rows)
