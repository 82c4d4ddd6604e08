"""From settings, checked, to the work that they mean."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from ...base import InputError, resolve_device, unknown
from ...base.device import matmul_dtype
from ...base.sides import both_sides
from ...engine import Cache
from ...export import check_model_folder, find_model, random_model
from ...export.engines.choice import image_sides
from ..harness import check_counts
from .contender import GeneratorName, parse_contender
from .job import GenerationJob
from .settings import GUIDANCE, ThroughputSettings, WorkSettings


def check_settings(settings: ThroughputSettings) -> list[GeneratorName]:
    """The contenders; complains of whatever can be known before anything is loaded."""
    check_counts({"images": settings.images, "rounds": settings.rounds})
    check_work(settings)
    if len(set(settings.contenders)) < len(settings.contenders):
        raise InputError(f"{' '.join(settings.contenders)} names a contender twice: once will do")
    device = resolve_device(settings.device)
    names = [parse_contender(text) for text in settings.contenders]
    for name in names:
        matmul_dtype(name.precision, device)
        if name.batch_size is not None and settings.images % name.batch_size:
            raise InputError(
                f"{settings.images} images are no whole number of batches of {name.text!r}: "
                f"use a multiple of {name.batch_size}"
            )
    return names


def check_work(settings: WorkSettings) -> None:
    """Complain of what no contender can do."""
    check_counts({"steps": settings.steps})
    if settings.guidance not in GUIDANCE:
        raise unknown("guidance", settings.guidance, GUIDANCE)
    if settings.model is not None and settings.random_weights is not None:
        raise InputError("both a model and random weights were given: leave one of them out")


def benchmark_model(settings: WorkSettings) -> AbstractContextManager[Path]:
    """The model's folder; one of random weights is there for as long as it is needed."""
    if settings.random_weights is None:
        return nullcontext(find_model(settings.model))
    return random_model(settings.random_weights)


def generation_job(
    settings: WorkSettings, folder: Path, *, images: int, device: str, recipe: str = "base"
) -> GenerationJob:
    """What is generated of the model in `folder`."""
    size = settings.generate_size
    return GenerationJob(
        folder=folder,
        generate_size=image_sides(
            check_model_folder(folder), None if size is None else both_sides(size)
        ),
        images=images,
        steps=settings.steps,
        scheduler=settings.scheduler,
        guidance=settings.guidance,
        recipe=recipe,
        device=str(resolve_device(device)),
        cache=Cache().root,
    )
