"""Denoising: latents from noise, with guidance of its own for every image of the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..engine import Engine
from ..export import Schedule, Step
from .text import Conditions


def noise(
    seeds: Sequence[int], shape: tuple[int, int, int]
) -> tuple[Tensor, list[torch.Generator]]:
    """Standard normal noise `[B, *shape]` float32, each image's from its own seed, on the CPU.

    Also gives the generators, for schedulers that draw more noise in their steps. On the CPU,
    because there the numbers are the same on every machine; `diffusers` does it in the same way
    when it is given a list of CPU generators.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return draw(generators, shape), generators


def draw(generators: Sequence[torch.Generator], shape: tuple[int, ...]) -> Tensor:
    """Standard normal `[B, *shape]` float32 on the CPU, one image from each generator."""
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators])


def guidance_rows(guidance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which images have an unconditional row in the denoiser's batch, from guidance `[B]`.

    Gives the images whose guidance is above 1, int64 `[G]`, and the denoiser's inputs `rows`
    `[B + G]` and `unconditional` `[B]`; see `DenoiseStep`.
    """
    images = torch.arange(len(guidance))
    guided = images[guidance > 1]
    unconditional = images.clone()
    unconditional[guided] = len(images) + torch.arange(len(guided))
    return guided, torch.cat([images, guided]), unconditional


@torch.inference_mode()
def denoise(
    engine: Engine,
    schedule: Schedule,
    latents: Tensor,
    conditions: Conditions,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """Denoise standard normal `latents` `[B, C, H/8, W/8]` float32 by the steps of `schedule`.

    `conditions` are those inputs of the denoising engine that stay the same in every step: text
    embeddings, guidance (classifier-free guidance, arXiv 2207.12598) and rows.
    """
    coefficients = schedule.coefficients().to(engine.device)
    timesteps = schedule.timesteps.to(engine.device)
    nothing = torch.zeros_like(latents)
    latents = latents * schedule.initial_scale
    before: list[tuple[Tensor, Tensor]] = []  # latents and carry of every step so far
    keep = any(step.past for step in schedule.steps)
    carry = nothing
    for number, step in enumerate(schedule.steps):
        drawn = nothing
        if step.draws_noise:
            drawn = draw(generators, latents.shape[1:]).to(engine.device, non_blocking=True)
        results = engine(
            {
                "latents": latents,
                "history": _history(step, before) if step.past else carry,
                "noise": drawn,
                "timestep": timesteps[number : number + 1],
                "coefficients": coefficients[number],
                **conditions,
            }
        )
        following, carry = results["next_latents"], results["carry"]
        if keep:  # engines may write their next results over these
            following, carry = following.clone(), carry.clone()
            before.append((latents, carry))
        latents = following
    return latents.clone()


def _history(step: Step, before: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """What a scheduler with a longer memory than one step adds up of it."""
    total = torch.zeros_like(before[0][0])
    for term in step.past:
        latents, carry = before[term.step]
        total += term.latents * latents + term.carry * carry
    return total
