"""What each step of a schedule takes from earlier ones: history and carry."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .schedule import PastTerm, Step
from .scheduler_probe import Relation

if TYPE_CHECKING:
    pass

_ROUNDING = 1e-6  # relative; schedulers hold their noise schedules in float32


def with_memory(relations: Sequence[Relation]) -> tuple[Step, ...]:
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
