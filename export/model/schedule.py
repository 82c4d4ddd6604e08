"""Schedulers as coefficients: what `diffusers` does between two model calls, in plain numbers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from diffusers import SchedulerMixin


@dataclass(frozen=True)
class PastTerm:
    """What an earlier step adds to a step's history: `latents * x_step + carry * carry_step`."""

    step: int
    latents: float
    carry: float


@dataclass(frozen=True)
class Step:
    """One model call and the update after it, for latents `x` and guided model output `o`.

    The model sees `input_scale * x` at `timestep`. With fresh standard normal noise `n`, the update
    is `latents * x + output * o + history * h + noise * n`, and for later steps it leaves
    `carry = carry_latents * x + carry_output * o`, which is zero where none asks for it. The
    history `h` is the sum of the `past` terms or, where there are none, the carry of the step
    before.
    """

    timestep: float
    input_scale: float
    latents: float
    output: float
    history: float
    noise: float
    carry_latents: float
    carry_output: float
    draws_noise: bool
    """Whether the scheduler draws noise, even if its weight is 0: generators go on all the same."""
    past: tuple[PastTerm, ...]


@dataclass(frozen=True)
class Schedule:
    """A scheduler's whole run: start from noise times `initial_scale`, then take the `steps`."""

    scheduler: str
    initial_scale: float
    steps: tuple[Step, ...]

    @property
    def timesteps(self) -> Tensor:
        """When each step calls the model, float32 `[steps]`; not always whole numbers."""
        return torch.tensor([step.timestep for step in self.steps], dtype=torch.float32)

    def coefficients(self) -> Tensor:
        """float32 `[steps, 7]`: the fields of `Step` from `input_scale` to `carry_output`."""
        rows = [
            (
                step.input_scale,
                step.latents,
                step.output,
                step.history,
                step.noise,
                step.carry_latents,
                step.carry_output,
            )
            for step in self.steps
        ]
        return torch.tensor(rows, dtype=torch.float32)

    def as_dict(self) -> dict[str, Any]:
        """The schedule as JSON knows it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Schedule:
        """The schedule that `as_dict` wrote."""
        steps = (
            Step(**{**step, "past": tuple(PastTerm(**term) for term in step["past"])})
            for step in fields["steps"]
        )
        return cls(fields["scheduler"], fields["initial_scale"], tuple(steps))


def noise_levels(scheduler: SchedulerMixin, schedule: Schedule) -> list[float]:
    """Standard deviation of the noise relative to the signal at every step of `schedule`.

    From the noise schedule that the model was trained on (`alphas_cumprod`), between whole
    timesteps interpolated as the Euler schedulers do; infinite where there is noise alone. EDM
    schedulers have no such schedule: theirs are the levels of the steps themselves.
    """
    if not hasattr(scheduler, "alphas_cumprod"):
        started = copy.deepcopy(scheduler)
        started.set_timesteps(len(schedule.steps))
        own: list[float] = started.sigmas[: len(schedule.steps)].tolist()
        return own
    alphas = scheduler.alphas_cumprod.double()
    levels = ((1 - alphas) / alphas).sqrt().tolist()
    times = [step.timestep for step in schedule.steps]
    found: list[float] = np.interp(times, range(len(levels)), levels).tolist()
    return found
