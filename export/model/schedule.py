"""Schedulers as coefficients: what `diffusers` does between two model calls, in plain numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...base.errors import InputError
from .scheduler_probe import Relation, probe, start, take_step

if TYPE_CHECKING:
    from diffusers import SchedulerMixin

_KNOWN_TO_WORK = "DDIM, EulerDiscrete, EulerAncestralDiscrete, DPMSolverMultistep, UniPC, LCM"
_ROUNDING = 1e-6  # relative; schedulers hold their noise schedules in float32
_TOLERANCE = 1e-3  # relative, over a whole run in float32
_NONLINEAR = ("thresholding", "clip_sample")


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
        schedule = Schedule(name, initial_scale, _with_memory(probe(started)))
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
            f"scheduler {name} with steps={steps} is no weighted sum of latents, model outputs "
            f"and noise: {remedy if switched_on else 'choose'} one known to work ({_KNOWN_TO_WORK})"
        )
    return schedule


def noise_levels(scheduler: SchedulerMixin, schedule: Schedule) -> list[float]:
    """Standard deviation of the noise relative to the signal at every step of `schedule`.

    From the noise schedule that the model was trained on (`alphas_cumprod`), between whole
    timesteps interpolated as the Euler schedulers do; infinite where there is noise alone.
    """
    alphas = scheduler.alphas_cumprod.double()
    levels = ((1 - alphas) / alphas).sqrt().tolist()
    times = [step.timestep for step in schedule.steps]
    found: list[float] = np.interp(times, range(len(levels)), levels).tolist()
    return found


def _check_steps(scheduler: SchedulerMixin, name: str, steps: int) -> None:
    distilled = scheduler.config.get("original_inference_steps")
    most = distilled or scheduler.config.num_train_timesteps
    if not 1 <= steps <= most:
        option = "original_inference_steps" if distilled else "num_train_timesteps"
        raise InputError(
            f"steps={steps} is outside what scheduler {name} can do: give 1 to {most}, its {option}"
        )


def _with_memory(relations: Sequence[Relation]) -> tuple[Step, ...]:
    """What each step takes from earlier ones, as history and carry."""
    rows = [relations[0].weights]
    for before, now in itertools.pairwise(relations):
        rows.append(_shortened(now.weights, before.weights))
    # [steps, earlier step, latents and output]
    memory = torch.zeros(len(rows), len(rows), 2, dtype=torch.float64)
    for i, row in enumerate(rows):
        memory[i, :i] = row[:-1, :2]
    carries = [_carry(memory[:, j]) for j in range(len(rows))]
    steps = []
    for i, (row, relation) in enumerate(zip(rows, relations, strict=True)):
        remembered = memory[i].any(dim=1).nonzero().flatten().tolist()
        past = tuple(_past_term(j, memory[i, j], carries[j]) for j in remembered)
        history = 1.0 if past else 0.0
        if len(past) == 1 and past[0].step == i - 1 and past[0].latents == 0:
            history, past = past[0].carry, ()
        latents, output, noise = row[i].tolist()
        steps.append(
            Step(
                timestep=relation.timestep,
                input_scale=relation.input_scale,
                latents=latents,
                output=output,
                history=history,
                noise=noise,
                carry_latents=float(carries[i][0]),
                carry_output=float(carries[i][1]),
                draws_noise=relation.draws_noise,
                past=past,
            )
        )
    return tuple(steps)


def _shortened(weights: Tensor, before: Tensor) -> Tensor:
    """`weights` of a step `[i + 1, 3]`, reaching back less far if those of the step before allow.

    UniPC corrects the latents of a step once it has the next output, so that each step builds on
    all before it. But the latents before correction, known as this step's, build on the same: their
    definition, `before`, taken so many times that the oldest term cancels, cancels most others. One
    step fewer is no gain, as `before` brings in the latents of the step before.
    """
    remembered = weights[:-1].any(dim=1)
    if not remembered.any() or before[-1, 2]:
        return weights
    oldest = int(remembered.nonzero()[0])
    if not before[oldest].any():
        return weights
    factor = (weights[oldest] @ before[oldest]) / (before[oldest] @ before[oldest])
    shorter = weights.clone()
    shorter[:-1] -= factor * before
    shorter[-1, 0] += factor
    shorter[:-1][shorter[:-1].abs() <= _ROUNDING * weights[:-1].abs()] = 0
    return shorter if shorter[:-1].any(dim=1).sum() < remembered.sum() - 1 else weights


def _carry(uses: Tensor) -> Tensor:
    """The sum of latents and output `[2]` of which all `uses` `[n, 2]` are multiples, else output.

    Scaled so that the largest multiple is 1; zero if there is no use.
    """
    uses = uses[uses.any(dim=1)]
    if not len(uses):
        return uses.new_zeros(2)
    sizes = uses.norm(dim=1)
    largest = uses[sizes.argmax()]
    across = largest.flip(0) * largest.new_tensor([1, -1]) / largest.norm()
    if ((uses @ across).abs() <= _ROUNDING * sizes).all():
        return largest
    return uses.new_tensor([0, 1])


def _past_term(step: int, use: Tensor, carry: Tensor) -> PastTerm:
    if carry.tolist() == [0, 1]:
        return PastTerm(step, float(use[0]), float(use[1]))
    return PastTerm(step, 0.0, float(use @ carry / (carry @ carry)))


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
