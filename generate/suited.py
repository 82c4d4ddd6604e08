"""What suits a model, where settings leave it open: UNet, steps, scheduler and guidance."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..base import InputError
from ..engine import Cache
from ..export import (
    ModelInfo,
    Schedule,
    find_model,
    is_exported,
    load_scheduler,
    noise_levels,
)
from ..export.model.distilled import Distilled
from ..export.model.known_schedule import known_schedule
from ..export.model.parts import FEW_STEP_UNET, OWN_UNET, few_step_unet
from .facts import model_facts
from .few_step_models import FewStepModel, few_step_model
from .plan.recipe import Recipe, load_recipe
from .plan.settings import PlanSettings
from .sampling.conditions import check_guidance
from .sampling.steps import Call, guided_steps, plan_calls
from .settings import GenerateSettings

_log = logging.getLogger(__name__)

STEPS = 12
"""Of a UNet that is not distilled."""


def suited(folder: Path, settings: GenerateSettings) -> GenerateSettings:
    """`settings` for the model in `folder` with UNet and steps in place of None.

    The distilled UNet that a model brings along is taken where nothing was asked for that only the
    model's own can do; few-step models of others get the scheduler that they need. Raises
    `InputError` for what the UNet cannot do.
    """
    return _suited(folder, settings)[0]


def _suited(
    folder: Path, settings: GenerateSettings
) -> tuple[GenerateSettings, FewStepModel | None]:
    """What `suited` gives, and which few-step model of others it is for."""
    unet = settings.unet or (None if is_exported(folder) else _unet(folder, settings))
    info, distilled = model_facts(folder, replace(settings, unet=unet))
    if distilled is not None:
        _check_distilled(settings, distilled)
        return replace(settings, unet=unet, steps=settings.steps or distilled.steps[0]), None
    if settings.first_steps:
        raise InputError(
            f"first steps {settings.first_steps} were asked for, but the UNet is the model's own "
            "throughout: name a distilled one with --unet, or leave them out"
        )
    known = few_step_model(folder, info)
    found = replace(
        settings,
        unet=unet,
        steps=settings.steps or (known.steps if known else STEPS),
        scheduler=settings.scheduler or (known.scheduler if known else None),
    )
    return found, known


def suited_recipe(plan: PlanSettings, generate: GenerateSettings) -> Recipe:
    """The recipe of a plan, with the guidance that was asked for or that a few-step model needs.

    Raises `InputError` as `load_recipe`, `find_model` and `suited` do.
    """
    recipe = load_recipe(plan.recipe, plan.guidance)
    if plan.guidance is not None:
        return recipe
    folder = find_model(generate.model, generate.variant)
    _, known = _suited(folder, generate)
    if known is None:
        return recipe
    _log.warning(
        "%s holds a %s model: where --steps, --scheduler and --guidance are left out, it gets "
        "%s steps of %s and guidance %g%s",
        folder,
        known.name,
        known.steps,
        known.scheduler or "its own scheduler",
        known.guidance,
        ", which is none" if known.guidance == 1 else "",
    )
    return recipe.with_guidance((known.guidance, known.guidance))


@dataclass(frozen=True)
class Denoising:
    """How a model denoises by some settings."""

    info: ModelInfo
    distilled: Distilled | None
    """How the UNet is to be run, if it is a distilled one."""
    schedule: Schedule
    calls: Sequence[Call]
    """Of each step of the schedule."""


def denoising_of(folder: Path, settings: GenerateSettings, cache: Cache) -> Denoising:
    """What follows from settings that `suited` gave; `InputError` for what the model cannot do.

    The schedule is read once, and then comes out of `cache`.
    """
    assert settings.steps is not None
    info, distilled = model_facts(folder, settings)
    check_guidance(settings, info)
    scheduler = distilled.scheduler if distilled else settings.scheduler
    schedule = known_schedule(folder, scheduler, settings.steps, cache)
    if distilled is not None:
        schedule = distilled_schedule(schedule, distilled, settings.steps, settings.first_steps)
    guided = [True] * len(schedule.steps)
    if settings.guidance_interval is not None:
        levels = noise_levels(load_scheduler(folder, scheduler), schedule)
        guided = guided_steps(levels, settings.guidance_interval)
    calls = plan_calls(guided, settings.deep_cache, settings.first_steps)
    return Denoising(info, distilled, schedule, calls)


def distilled_schedule(
    schedule: Schedule, distilled: Distilled, steps: int, first: int = 0
) -> Schedule:
    """The schedule of a distilled UNet, whose `first` steps are taken by the model's own."""
    offset = distilled.timestep_offsets[steps]
    told = tuple(
        step if number < first else replace(step, timestep=step.timestep + offset)
        for number, step in enumerate(schedule.steps)
    )
    return replace(schedule, steps=told)


def _unet(folder: Path, settings: GenerateSettings) -> str:
    asked = (
        settings.steps,
        settings.scheduler,
        settings.guidance_interval,
        settings.negative_prompt,
        *settings.lora,
    )
    is_open = all(value is None for value in asked) and settings.deep_cache == 1
    return FEW_STEP_UNET if is_open and few_step_unet(folder) is not None else OWN_UNET


def _check_distilled(settings: GenerateSettings, distilled: Distilled) -> None:
    steps = settings.steps or distilled.steps[0]
    if steps not in distilled.steps:
        known = ", ".join(map(str, distilled.steps))
        raise InputError(
            f"steps={steps} was asked for, the distilled UNet serves {known}: give one of them, or "
            f"--unet {OWN_UNET}"
        )
    if settings.scheduler not in (None, distilled.scheduler):
        raise InputError(
            f"scheduler {settings.scheduler!r} was asked for, the UNet was distilled for "
            f"{distilled.scheduler}: leave it out, or give --unet {OWN_UNET}"
        )
    if settings.first_steps and settings.deep_cache > 1:
        raise InputError(
            f"first steps {settings.first_steps} and deep cache {settings.deep_cache} were asked "
            "for together, which nothing supports: leave one out"
        )
    if settings.first_steps >= steps:
        raise InputError(
            f"first steps {settings.first_steps} of {steps} leave none to the distilled UNet: give "
            f"fewer, or --unet {OWN_UNET}"
        )
