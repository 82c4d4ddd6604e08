"""What a `diffusers` scheduler does in each step, read off by running it on symbols.

A scheduler that adds up latents, model outputs and noise is known by its weights. It takes its
steps on a tensor with one element for each quantity that ever enters, instead of latents: whatever
it gives back spells out its weights.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from diffusers import SchedulerMixin


@dataclass(frozen=True)
class Relation:
    """The latents after step i by all that the scheduler was given up to then."""

    timestep: float
    input_scale: float
    """The model sees the latents times this."""
    weights: Tensor
    """float64 `[i + 1, 3]`: how much of each step's latents, model output and noise goes in."""
    draws_noise: bool


def start(scheduler: SchedulerMixin, steps: int) -> SchedulerMixin:
    """A copy, as a scheduler counts its steps, set to the start of a run of `steps`."""
    scheduler = copy.deepcopy(scheduler)
    scheduler.set_timesteps(steps)
    return scheduler


def take_step(
    scheduler: SchedulerMixin,
    output: Tensor,
    timestep: Tensor,
    latents: Tensor,
    generator: torch.Generator | list[torch.Generator],
) -> Tensor:
    """The next latents; `generator` goes to those schedulers that draw noise."""
    takes = inspect.signature(scheduler.step).parameters
    # The pipelines' own eta is 0, the default of a step need not be (TCD).
    given = {"generator": generator, "eta": 0.0}
    extra = {name: value for name, value in given.items() if name in takes}
    result: Tensor = scheduler.step(output, timestep, latents, **extra).prev_sample
    return result


def probe(scheduler: SchedulerMixin) -> list[Relation]:
    """Every step of a scheduler that `start` gave, which is left as it was.

    Latents are symbols of their own in every step, so that what the scheduler remembers shows.
    Raises `ValueError` for weights that are not finite, and for noise that is used in any other way
    than one fresh draw a step, besides whatever the scheduler itself raises.
    """
    scheduler = copy.deepcopy(scheduler)
    timesteps = scheduler.timesteps
    relations = []
    for i, timestep in enumerate(timesteps):
        symbols = torch.zeros(3, 1, 1, 1, 3 * len(timesteps), dtype=torch.float64)
        symbols[range(3), ..., range(3 * i, 3 * i + 3)] = 1
        latents, output, noise = symbols
        scaled = scheduler.scale_model_input(latents, timestep)
        with _SymbolForNoise(noise) as drawn:
            result = take_step(scheduler, output, timestep, latents, torch.Generator())
        weights = result.double().view(-1, 3)[: i + 1]
        if not weights.isfinite().all():
            raise ValueError(f"step {i} gives numbers that are not finite")
        if drawn.draws > 1 or weights[:i, 2].any():
            raise ValueError(f"step {i} uses noise other than one fresh draw")
        input_scale = float(scaled.view(-1)[3 * i])
        relations.append(Relation(float(timestep), input_scale, weights, drawn.draws == 1))
    return relations


class _SymbolForNoise(TorchFunctionMode):
    """While it is on, `torch.randn` gives `symbol` instead of noise."""

    def __init__(self, symbol: Tensor) -> None:
        super().__init__()
        self.symbol = symbol
        self.draws = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch.randn:
            self.draws += 1
            return self.symbol
        return func(*args, **(kwargs or {}))
