"""The images that a run trained on, some of them, read or generated again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ...base import InputError
from ...base.progress import OnStage, StageProgress
from ...base.ranks import Ranks
from ...generate import Recipe
from ...generate.dataset.config.model_digest import model_digest
from ...generate.plan.content import recipe_content
from ..folder import read_config, read_made_with
from ..preparation import origin_of, plan_of, source_of
from ..settings import RunSettings
from ..stored.images import StoredImages
from .settings import DeploySettings
from .source import FinishedRun


def run_images(run: FinishedRun, wanted: DeploySettings, on_progress: OnStage) -> Tensor:
    """Images of all classes that the run trained on, uint8 `[N, S, S, 3]`, of its plan the first.

    Raises `InputError` where they must be generated and were not asked to be, where what they come
    from has changed, and for fewer than can be used.
    """
    settings, origin_before = read_config(run.folder)
    settings = replace(settings, device=wanted.device, devices=())
    if settings.images is None and not wanted.regenerate:
        raise InputError(
            f"the run in {str(run.folder)!r} keeps none of the images that it generated, and "
            f"{wanted.synthetic} are needed to check its files: give --regenerate to generate them "
            "again, or fewer with --synthetic"
        )
    origin = origin_of(settings)
    if isinstance(origin, StoredImages):
        _check_same(origin.identity == origin_before, f"dataset {settings.images!r}", run.folder)
        images = _read(origin, wanted.synthetic)
    else:
        same = recipe_content(origin) == origin_before
        _check_same(same, f"recipe {settings.recipe!r}", run.folder)
        images = _generated(run, settings, origin, wanted.synthetic, on_progress)
    side = run.description.image_size
    if images.shape[1] != side:
        raise InputError(
            f"the images of the run in {str(run.folder)!r} have {images.shape[1]} pixels a side "
            f"and its classifier {side}: restore what it was made with"
        )
    return images


def _check_same(same: bool, what: str, folder: Path) -> None:
    if not same:
        raise InputError(
            f"{what} has changed since the run in {str(folder)!r}: restore it, or run it again"
        )


def _read(stored: StoredImages, count: int) -> Tensor:
    """Images of a dataset; spread over all of it where it is sorted by class."""
    step = 1 if stored.mix(count) else max(1, len(stored) // count)
    specs = stored.plan[: count * step : step]
    found = [batch.images.cpu() for batch in stored.generate(specs)]
    if not found:
        raise InputError(f"dataset {stored.source!r} has no image that can be read: restore it")
    return torch.cat(found)


def _generated(
    run: FinishedRun, settings: RunSettings, recipe: Recipe, count: int, on_progress: OnStage
) -> Tensor:
    plan = plan_of(settings, recipe, run.classes)
    generator = source_of(settings, recipe, plan, on_progress, Ranks.current())
    assert not isinstance(generator, StoredImages)
    now = model_digest(generator.facts.folder, settings.generate)
    before = read_made_with(run.folder).get("model", now)
    _check_same(now == before, f"model {settings.generate.model or 'that ships'!r}", run.folder)
    specs = plan[:count]
    images: dict[int, Tensor] = {}  # batches are of one kind, and not in the plan's order
    on_progress(StageProgress("generate", 0, len(specs)))
    for batch in generator.generate(specs):
        indices = (spec.index for spec in batch.specs)
        images |= dict(zip(indices, batch.images.cpu(), strict=True))
        on_progress(StageProgress("generate", len(images), len(specs)))
    if not images:
        raise InputError(
            f"none of {len(specs)} images of the run in {str(run.folder)!r} could be generated "
            "again: give another --device"
        )
    return torch.stack([images[index] for index in sorted(images)])
