"""Jumps: pieces of a teacher's trajectory that a student learns to take in one step.

A deterministic scheduler's step is linear in latents and model output, `x_j = A x_i + B o`. So for
two points of a teacher's trajectory there is one output that leads from the first to the second,
and a student that gives it takes all of the teacher's steps between them at once. Between noise and
image that is the regression of progressive distillation (arXiv 2202.00512), with the whole
trajectory of a finished teacher in place of two steps of the last student.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...base.errors import InputError
from ...export import Schedule

_FIRST_WEIGHT = 2.0
"""How much more often the first jump of a schedule is drawn: over half of the error comes of it."""


@dataclass(frozen=True)
class Jump:
    """One step of the student's: from one point of the teacher's trajectory to another."""

    begin: int
    """Where in the kept latents it begins."""
    end: int
    """Where it ends."""
    timestep: float
    """What the student is told, with the offset of its number of steps."""
    latents: float
    """A."""
    output: float
    """B."""
    share: float
    """Of all jumps that are drawn."""


def kept_steps(schedules: Mapping[int, Schedule], teacher: Schedule) -> list[int]:
    """After how many of the teacher's steps its latents are needed: 0 is noise, the last is clean.

    `schedules` are the student's, by their number of steps. Raises `InputError` where a student's
    step begins between two steps of the teacher's, or where either scales latents.
    """
    for schedule in (teacher, *schedules.values()):
        if schedule.initial_scale != 1 or any(step.input_scale != 1 for step in schedule.steps):
            raise InputError(
                f"scheduler {schedule.scheduler} scales latents, which distilling does not take: "
                "use DPMSolverMultistep, DDIM or UniPC for the teacher"
            )
    places = {step.timestep: place for place, step in enumerate(teacher.steps)}
    needed = {len(teacher.steps)}
    for steps, schedule in schedules.items():
        for step in schedule.steps:
            if step.timestep not in places:
                raise InputError(
                    f"the teacher's {len(teacher.steps)} steps do not pass timestep "
                    f"{step.timestep:g}, where one of the student's {steps} begins: give the "
                    "teacher a multiple of every number of steps, and both the spacing 'trailing'"
                )
            needed.add(places[step.timestep])
    return sorted(needed)


def plan_jumps(
    schedules: Mapping[int, Schedule], teacher: Schedule, shares: Mapping[int, float]
) -> list[Jump]:
    """All jumps of `schedules`, whose timesteps have their offsets; `shares` by number of steps."""
    places = {step.timestep: place for place, step in enumerate(teacher.steps)}
    kept = kept_steps(schedules, teacher)
    total = sum(shares[steps] for steps in schedules)
    jumps = []
    for steps, schedule in schedules.items():
        ends = [places[step.timestep] for step in schedule.steps] + [len(teacher.steps)]
        weights = [_FIRST_WEIGHT, *[1.0] * (len(schedule.steps) - 1)]
        for number, step in enumerate(schedule.steps):
            jumps.append(
                Jump(
                    begin=kept.index(ends[number]),
                    end=kept.index(ends[number + 1]),
                    timestep=step.timestep + timestep_offset(steps, schedules),
                    latents=step.latents,
                    output=step.output,
                    share=shares[steps] / total * weights[number] / sum(weights),
                )
            )
    return jumps


def timestep_offset(steps: int, choices: Sequence[int] | Mapping[int, Schedule]) -> float:
    """What a student adds to its timesteps when it takes `steps`, out of several `choices`.

    It tells apart jumps of several lengths that begin at the same timestep. Those of the largest
    number of steps have none, so that a plain pipeline runs the student with as many.
    """
    return 5.0 * sorted(choices, reverse=True).index(steps)


def draw_jumps(jumps: Sequence[Jump], count: int, generator: torch.Generator) -> Tensor:
    """Numbers of `count` jumps, int64 `[count]`, each as often as its share asks."""
    shares = torch.tensor([jump.share for jump in jumps])
    return torch.multinomial(shares, count, replacement=True, generator=generator)


def targets(begin: Tensor, end: Tensor, latents: Tensor, output: Tensor) -> Tensor:
    """The outputs that lead from `begin` to `end`, all `[B, C, h, w]`, float32.

    `latents` and `output` are A and B of each image's jump, `[B]`.
    """
    scale = (-1, 1, 1, 1)
    return (end - latents.view(scale) * begin) / output.view(scale)
