"""The images of a finished run once more, and further ones that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..base import InputError, resolve_device
from ..base.progress import OnStage, StageProgress
from ..base.ranks import Ranks
from ..generate import ClassName, DataParallelGenerator, Generator, Recipe, SampleSpec
from ..generate.plan.content import recipe_content
from ..generate.suited import suited_recipe
from ..train.classifier.saved import ClassifierCard
from .folder import read_config, read_made_with
from .generator import make_generator
from .identity import check_model
from .preparation import origin_of, plan_of, source_of
from .report.summary import METRICS
from .selection.select import selected
from .settings import RunSettings
from .stored.images import StoredImages

LabelledTensors = tuple[Tensor, Tensor]
"""Images uint8 `[N, S, S, 3]` and labels int64 `[N]`, on the CPU."""


def check_finished(folder: Path) -> None:
    """Raise `InputError` for a run that is not finished."""
    if not (folder / METRICS).is_file():
        raise InputError(
            f"the run in {str(folder)!r} is not finished: continue it with "
            f"zeroreal run --resume {folder}"
        )


def generated_run(folder: Path, needed: str, instead: str) -> tuple[RunSettings, Recipe]:
    """Settings and recipe of a finished run that generated its images; `InputError` for another.

    `needed` says what its model is for, `instead` what to do where there is none.
    """
    settings, origin = read_config(folder)
    check_finished(folder)
    if settings.images is not None:
        raise InputError(
            f"the run in {str(folder)!r} was trained on the dataset {settings.images!r}, and "
            f"{needed}: {instead}"
        )
    recipe = suited_recipe(settings, settings.generate)
    _check_same(recipe_content(recipe) == origin, f"recipe {settings.recipe!r}", folder)
    return settings, recipe


def generator_of(
    folder: Path,
    settings: RunSettings,
    recipe: Recipe,
    images: int,
    device: str,
    on_progress: OnStage,
) -> Generator | DataParallelGenerator:
    """The generator of a finished run, for about so many more `images`.

    Raises `InputError` where its model has changed since.
    """
    run = replace(settings, device=device, devices=())
    generator = make_generator(run, recipe.guided, images, on_progress)
    check_model(read_made_with(folder), generator.facts.folder, run, folder)
    return generator


def images_again(
    folder: Path,
    card: ClassifierCard,
    device: str,
    on_progress: OnStage,
    count: int | None = None,
) -> LabelledTensors:
    """The images that a finished run was trained on, all of them or the first `count` of its plan.

    Of a run that selected them, all are needed to select those again. They are generated again, or
    read again from its dataset. Raises `InputError` where what they come from has changed, and for
    images of another size than the classifier's.
    """
    settings, before = read_config(folder)
    settings = replace(settings, device=device, devices=())
    made = count if settings.selection.select is None else None
    origin = origin_of(settings)
    if isinstance(origin, StoredImages):
        _check_same(origin.identity == before, f"dataset {settings.images!r}", folder)
        images, labels = _read(origin, len(origin) if made is None else made)
    else:
        _check_same(recipe_content(origin) == before, f"recipe {settings.recipe!r}", folder)
        classes = tuple(map(ClassName, card.classes, card.prompts))
        plan = plan_of(settings, origin, classes)
        generator = source_of(settings, origin, plan, on_progress, Ranks.current())
        assert not isinstance(generator, StoredImages)
        check_model(read_made_with(folder), generator.facts.folder, settings, folder)
        images, labels = generated(generator, plan[:made], on_progress)
    if images.shape[1] != card.image_size:
        raise InputError(
            f"the images of the run in {str(folder)!r} have {images.shape[1]} pixels a side and "
            f"its classifier {card.image_size}: restore what it was made with"
        )
    images, labels = selected(images, labels, card.classes, settings, resolve_device(device))
    return images[:count], labels[:count]


def generated(
    generator: Generator | DataParallelGenerator,
    specs: Sequence[SampleSpec],
    on_progress: OnStage,
) -> LabelledTensors:
    """The images of `specs`, in the order of their indices, whatever that of their batches."""
    images: dict[int, tuple[Tensor, int]] = {}
    on_progress(StageProgress("generate", 0, len(specs)))
    for batch in generator.generate(specs):
        for spec, image in zip(batch.specs, batch.images.cpu(), strict=True):
            images[spec.index] = image, spec.label
        on_progress(StageProgress("generate", len(images), len(specs)))
    if not images:
        raise InputError(
            f"none of {len(specs)} images could be generated: all were blank, saturated or not "
            "finite; give another --device"
        )
    found = [images[index] for index in sorted(images)]
    return torch.stack([image for image, _ in found]), torch.tensor([label for _, label in found])


def _check_same(same: bool, what: str, folder: Path) -> None:
    if not same:
        raise InputError(
            f"{what} has changed since the run in {str(folder)!r} began: restore it, or start a "
            "new run"
        )


def _read(stored: StoredImages, count: int) -> LabelledTensors:
    """Images of a dataset; spread over all of it where it is sorted by class."""
    step = 1 if stored.mix(count) else max(1, len(stored) // count)
    specs = stored.plan[: count * step : step]
    found = [(batch.images.cpu(), batch.labels.cpu()) for batch in stored.generate(specs)]
    if not found:
        raise InputError(f"dataset {stored.source!r} has no image that can be read: restore it")
    return torch.cat([images for images, _ in found]), torch.cat([labels for _, labels in found])
