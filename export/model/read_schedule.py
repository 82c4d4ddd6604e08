"""Reading a schedule off a scheduler, and checking it against the scheduler's own run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...base.errors import InputError
from .schedule import Schedule
from .scheduler_probe import probe, start, take_step
from .step_memory import with_memory

if TYPE_CHECKING:
    from diffusers import SchedulerMixin


_KNOWN_TO_WORK = "DDIM, EulerDiscrete, EulerAncestralDiscrete, DPMSolverMultistep, UniPC, LCM"
_TOLERANCE = 1e-3  # relative, over a whole run in float32
_NONLINEAR = ("thresholding", "clip_sample")


def schedule_of(scheduler: SchedulerMixin, steps: int) -> Schedule:
    """The coefficients of a `diffusers` scheduler set to `steps` inference steps.

    There may be more steps in the result, as some schedulers call the model twice a step. They have
    been checked against a run of the scheduler. Raises `InputError` for a scheduler that is not
    linear, one that cannot be read in this way, and a number of steps that it cannot do.
    """
    name = type(scheduler).__name__.removesuffix("Scheduler")
    _check_steps(scheduler, name, steps)
    try:
        started = start(scheduler, steps)
        initial_scale = float(started.init_noise_sigma)
        schedule = Schedule(name, initial_scale, with_memory(probe(started)))
        deviation = _deviation(started, schedule)
    except Exception as error:  # schedulers raise many kinds, from ImportError to IndexError
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(
            f"scheduler {name} with steps={steps} cannot be read ({reason}): try another number of "
            f"steps, or a scheduler known to work ({_KNOWN_TO_WORK})"
        ) from error
    if not deviation <= _TOLERANCE:
        switched_on = [option for option in _NONLINEAR if scheduler.config.get(option)]
        remedy = f"set {' and '.join(switched_on)} to false in its configuration, or choose"
        raise InputError(
            f"scheduler {name} with steps={steps} is not a weighted sum of latents, model outputs "
            f"and noise: {remedy if switched_on else 'choose'} one known to work ({_KNOWN_TO_WORK})"
        )
    return schedule


def _check_steps(scheduler: SchedulerMixin, name: str, steps: int) -> None:
    distilled = scheduler.config.get("original_inference_steps")
    most = distilled or scheduler.config.num_train_timesteps
    if not 1 <= steps <= most:
        option = "original_inference_steps" if distilled else "num_train_timesteps"
        raise InputError(
            f"steps={steps} is outside what scheduler {name} can do: give 1 to {most}, its {option}"
        )


def _deviation(scheduler: SchedulerMixin, schedule: Schedule) -> float:
    """How far the coefficients lead away from the scheduler, relative, in a run on random numbers.

    Of two images the second has values a thousand times as large: whatever clips will clip there.
    """
    shape = (2, 4, 4, 4)
    random = torch.Generator().manual_seed(0)
    size = torch.tensor([1.0, 1000.0]).view(2, 1, 1, 1)
    outputs = size * torch.randn((len(schedule.steps), *shape), generator=random)
    expected = size * torch.randn(shape, generator=random) * schedule.initial_scale
    theirs, ours = ([torch.Generator().manual_seed(seed) for seed in (1, 2)] for _ in range(2))
    latents = _trajectory(schedule, expected, outputs, ours)
    deviations = []
    for i, timestep in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(expected, timestep)
        deviations.append(_apart(schedule.steps[i].input_scale * expected, scaled))
        expected = take_step(scheduler, outputs[i], timestep, expected, theirs)
        deviations.append(_apart(latents[i + 1], expected))
    for a, b in zip(theirs, ours, strict=True):
        if not torch.equal(a.get_state(), b.get_state()):
            raise ValueError("it draws random numbers other than one normal noise a step")
    return float(torch.stack(deviations).max())


def _apart(given: Tensor, expected: Tensor) -> Tensor:
    return ((given - expected).abs().amax((1, 2, 3)) / expected.abs().amax((1, 2, 3))).max()


def _trajectory(
    schedule: Schedule, initial: Tensor, outputs: Tensor, generators: Sequence[torch.Generator]
) -> list[Tensor]:
    """Latents before the first and after each step, by the coefficients alone."""
    latents, carries = [initial], [torch.zeros_like(initial)]
    for step, output in zip(schedule.steps, outputs, strict=True):
        now, history, noise = latents[-1], carries[-1], torch.zeros_like(initial)
        if step.draws_noise:
            noise = torch.stack([torch.randn(initial.shape[1:], generator=g) for g in generators])
        if step.past:
            terms = [t.latents * latents[t.step] + t.carry * carries[t.step + 1] for t in step.past]
            history = torch.stack(terms).sum(0)
        update = step.latents * now + step.output * output
        carries.append(step.carry_latents * now + step.carry_output * output)
        latents.append(update + step.history * history + step.noise * noise)
    return latents
