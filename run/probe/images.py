"""The images that a classifier is probed with: labelled ones, or ones that its run generates."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from ...base import InputError
from ...base.progress import OnStage
from ...data import load_real_images
from ...generate import ClassName, SamplePlan
from ..calibration.things import varied
from ..judge import Judge
from ..regenerated import generated, generated_run, generator_of
from ..zeroshot.share import balanced_order
from .asking import ProbeImages
from .settings import ProbeSettings

_SEED = 0x70726F6265  # keeps the plan apart from those that runs are trained and calibrated on


def probe_images(
    path: Path, judge: Judge, settings: ProbeSettings, on_progress: OnStage
) -> ProbeImages:
    """Images for the classifier of the run, or the file, at `path`, its classes in turn.

    Raises `InputError` for images that cannot be used, and where none were given and none can be
    generated.
    """
    if settings.data is not None:
        return _real(settings.data, judge, settings)
    if not path.is_dir():
        raise InputError(
            f"{str(path)!r} is a file, which has no model to generate images with: give labelled "
            "ones with --data"
        )
    return _generated(path, judge, settings, on_progress)


def _real(source: str, judge: Judge, settings: ProbeSettings) -> ProbeImages:
    aliases = list(zip(judge.prompts, judge.classes, strict=True))
    found = load_real_images(source, judge.classes, judge.image_size, aliases, settings.reading)
    count = min(settings.images, len(found.images))
    order = balanced_order(found.labels, settings.seed, count)
    images, labels = found.images[order], found.labels[order]
    return ProbeImages(images, labels, torch.tensor(order), found.source, is_real=True)


def _generated(
    folder: Path, judge: Judge, settings: ProbeSettings, on_progress: OnStage
) -> ProbeImages:
    """By the run's model and recipe, with the least guidance: as calibrating does."""
    run, recipe = generated_run(
        folder,
        "probing without labelled images takes ones that it was not trained on",
        "give labelled ones with --data",
    )
    classes = tuple(map(ClassName, judge.classes, judge.prompts))
    recipe = varied(recipe, None)
    each = math.ceil(settings.images / len(classes))
    plan = SamplePlan(recipe, classes, each, (run.seed + _SEED + settings.seed) % 2**64)
    generator = generator_of(folder, run, recipe, settings.images, settings.device, on_progress)
    images, labels = generated(generator, plan[: settings.images], on_progress)
    source = "images that the run's own model generated, with other seeds than those of training"
    return ProbeImages(images, labels, torch.arange(len(images)), source, is_real=False)
