"""The most accuracy in a given time: which settings and how many images, and when to stop.

How levers change the error is what was measured on the embedded model (`levers.yaml`); the speeds
are those of the machine at hand.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace

from ..engine.errors import InputError
from .levers import LeverSetting, LeverTable
from .run_settings import RunSettings

_log = logging.getLogger(__name__)

LEAST_PER_CLASS = 2
_HEADROOM = 1.25  # images planned for each that is expected: the clock ends generation
_KEPT_BACK = 0.03  # of the budget, for what takes longer than measured
_OF_EMBEDDED = {"vae", "generate_size"}  # levers whose values fit no other model
_NUMBER = r"(\d+(?:\.\d+)?)"
_DURATION = re.compile(f"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?")


@dataclass(frozen=True)
class Speeds:
    """What the parts of a run take on this machine, in seconds."""

    denoise: float
    """Of an image, with the settings as they were given."""
    decode: float
    """Of an image, likewise."""
    train: float
    """Of an image, in all epochs."""
    load: float
    """Of model and classifier."""
    finish: float
    """Of test and report."""


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


class GenerationClock:
    """Says when generation is to end, so that training on what is there keeps to the budget.

    Args:
        deadline: when the run is to be finished, on the clock `now`.
        speeds: of this machine.
        now: a clock in seconds.
    """

    def __init__(
        self, deadline: float, speeds: Speeds, now: Callable[[], float] = time.perf_counter
    ) -> None:
        self._deadline = deadline - speeds.finish
        self._train, self._now = speeds.train, now
        self._images, self._asked = 0, now()

    def is_over(self, images: int) -> bool:
        """Whether, with `images` so far, there is no time for another batch like the last."""
        now = self._now()
        batch, seconds = images - self._images, now - self._asked
        self._images, self._asked = images, now
        return now + seconds + (images + batch) * self._train > self._deadline


def parse_duration(text: str) -> float:
    """Seconds in a duration such as `10m`, `90s`, `1h30m` or, in seconds, `600`.

    Raises `InputError` for anything else, and for no time at all.
    """
    lean = text.strip().lower()
    found = _DURATION.fullmatch(f"{lean}s" if re.fullmatch(_NUMBER, lean) else lean)
    parts = found.groups(default="0") if found else ()
    seconds = sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if not seconds:
        raise InputError(f"duration {text!r} is none: write it such as 10m, 90s or 1h30m")
    return seconds


def duration_text(seconds: float) -> str:
    """Seconds, rounded up to whole ones, as `parse_duration` reads them."""
    whole = math.ceil(seconds)
    parts = {"h": whole // 3600, "m": whole // 60 % 60, "s": whole % 60}
    return "".join(f"{number}{unit}" for unit, number in parts.items() if number)


def deadline_of(seconds: float, started: float) -> float:
    """When a run of `seconds` that began at `started` is to be finished, a little kept back."""
    return started + (1 - _KEPT_BACK) * seconds


def rank_plans(
    settings: RunSettings,
    keep: Collection[str],
    budget: Budget,
    speeds: Speeds,
    table: LeverTable,
) -> list[BudgetPlan]:
    """Plans that fit the budget, the highest predicted accuracy first.

    What `keep` names of `settings` stays as it is, and so does what is not as by default. Raises
    `InputError` where the budget is too short for the images that were asked for, or for
    `LEAST_PER_CLASS` of each class.
    """
    defaults = RunSettings()
    changed = {
        field.name
        for field in fields(settings)
        if getattr(settings, field.name) != getattr(defaults, field.name)
    }
    kept = {*keep, *changed}
    wanted = settings.images_per_class if "images_per_class" in kept else None
    allowed = [setting for setting in table.settings if _is_allowed(setting, settings, kept)]
    found = [_plan(setting, settings, wanted, budget, speeds, table) for setting in allowed]
    plans = [plan for plan in found if plan is not None]
    if not plans:
        images = (wanted or LEAST_PER_CLASS) * len(settings.classes)
        cheapest = min(_generate_seconds(setting, speeds) for setting in allowed) + speeds.train
        needed = (_other_seconds(budget, speeds) + images * cheapest) / (1 - _KEPT_BACK)
        raise InputError(
            f"a time budget of {duration_text(budget.seconds)} is too short for {images} images, "
            f"training and test: here they take about {duration_text(needed)}"
        )
    if settings.model is not None:
        _log.warning("what levers do to the accuracy was measured on the embedded model alone")
    return sorted(plans, key=lambda plan: plan.accuracy, reverse=True)


def _is_allowed(setting: LeverSetting, settings: RunSettings, kept: Collection[str]) -> bool:
    if settings.model is not None and not _OF_EMBEDDED.isdisjoint(setting.change):
        return False
    return all(
        name not in kept or getattr(settings, name) == value
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
    room = (1 - _KEPT_BACK) * budget.seconds - other
    fitting = min(int(room / (generate + speeds.train)), budget.most_images) // classes
    if fitting < (wanted or LEAST_PER_CLASS):
        return None
    images = (wanted or fitting) * classes
    planned = wanted or min(int(fitting * _HEADROOM), budget.most_images // classes)
    return BudgetPlan(
        lever=setting.name,
        settings=replace(settings, **setting.change, images_per_class=planned),
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
