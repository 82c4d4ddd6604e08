"""The most accuracy in a given time: which settings and how many images, and when to stop.

How levers change the error is what was measured on the embedded model (`levers.yaml`); the speeds
are those of the machine at hand.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace

from ...base.durations import duration_text
from ...base.errors import InputError
from ...base.settings import changed
from ...export.model.parts import OWN_UNET
from ...generate.suited import STEPS
from ..settings import RunSettings
from .clock import KEPT_BACK, Speeds
from .levers import LeverSetting, LeverTable

_log = logging.getLogger(__name__)

LEAST_PER_CLASS = 2
_HEADROOM = 1.25  # images planned for each that is expected: the clock ends generation
_OF_EMBEDDED = {"vae", "generate_size", "unet"}  # levers whose values fit no other model


@dataclass(frozen=True)
class Budget:
    """What a run may take."""

    seconds: float
    spent: float
    """Seconds of them that are gone."""
    most_images: int
    """That memory has room for."""


@dataclass(frozen=True)
class BudgetPlan:
    """Settings that fit a time budget, and what is expected of them."""

    lever: str
    """The settings' name in the table of levers."""
    settings: RunSettings
    images: int
    """How many are expected; the settings ask for more where the clock may end generation."""
    accuracy: float
    """Expected share of real images classified correctly, of the embedded model's classes."""
    generate_seconds: float
    train_seconds: float
    other_seconds: float
    """What is gone already, loading, test and report."""


def rank_plans(
    settings: RunSettings,
    keep: Collection[str],
    budget: Budget,
    speeds: Speeds,
    table: LeverTable,
) -> list[BudgetPlan]:
    """Plans that fit the budget, the highest predicted accuracy first.

    What `keep` names of `settings`, such as `generate.steps`, stays as it is, and so does what is
    not as by default. Raises
    `InputError` where the budget is too short for the images that were asked for, or for
    `LEAST_PER_CLASS` of each class.
    """
    kept, settings = {*keep, *changed(settings)}, on_baseline(settings)
    wanted = settings.images_per_class if "images_per_class" in kept else None
    allowed = [setting for setting in table.settings if _is_allowed(setting, settings, kept)]
    found = [_plan(setting, settings, wanted, budget, speeds, table) for setting in allowed]
    plans = [plan for plan in found if plan is not None]
    if not plans:
        images = (wanted or LEAST_PER_CLASS) * len(settings.classes)
        cheapest = min(_generate_seconds(setting, speeds) for setting in allowed) + speeds.train
        needed = (_other_seconds(budget, speeds) + images * cheapest) / (1 - KEPT_BACK)
        raise InputError(
            f"a time budget of {duration_text(budget.seconds)} is too short for {images} images, "
            f"training and test: here they take about {duration_text(needed)}"
        )
    if settings.generate.model is not None:
        _log.warning("what levers do to the accuracy was measured on the embedded model alone")
    return sorted(plans, key=lambda plan: plan.accuracy, reverse=True)


def on_baseline(settings: RunSettings) -> RunSettings:
    """Settings whose UNet and steps, where left open, are those that levers are compared to."""
    if (chosen := settings.generate).unet is not None:
        return settings
    generate = replace(chosen, unet=OWN_UNET, steps=chosen.steps or STEPS)
    return replace(settings, generate=generate)


def _is_allowed(setting: LeverSetting, settings: RunSettings, kept: Collection[str]) -> bool:
    if settings.generate.model is not None and not _OF_EMBEDDED.isdisjoint(setting.change):
        return False
    return all(
        f"generate.{name}" not in kept or getattr(settings.generate, name) == value
        for name, value in setting.change.items()
    )


def _plan(
    setting: LeverSetting,
    settings: RunSettings,
    wanted: int | None,
    budget: Budget,
    speeds: Speeds,
    table: LeverTable,
) -> BudgetPlan | None:
    """The plan with this setting; None where too few images would fit."""
    classes = len(settings.classes)
    generate = _generate_seconds(setting, speeds)
    other = _other_seconds(budget, speeds)
    room = (1 - KEPT_BACK) * budget.seconds - other
    fitting = min(int(room / (generate + speeds.train)), budget.most_images) // classes
    if fitting < (wanted or LEAST_PER_CLASS):
        return None
    images = (wanted or fitting) * classes
    planned = wanted or min(int(fitting * _HEADROOM), budget.most_images // classes)
    return BudgetPlan(
        lever=setting.name,
        settings=replace(
            settings,
            generate=replace(settings.generate, **setting.change),
            images_per_class=planned,
        ),
        images=images,
        accuracy=1 - table.error(setting, images),
        generate_seconds=images * generate,
        train_seconds=images * speeds.train,
        other_seconds=other,
    )


def _generate_seconds(setting: LeverSetting, speeds: Speeds) -> float:
    """Of an image."""
    return setting.denoise_ratio * speeds.denoise + setting.decode_ratio * speeds.decode


def _other_seconds(budget: Budget, speeds: Speeds) -> float:
    return budget.spent + speeds.load + speeds.finish
