"""Denoising: latents from noise, with guidance of its own for every image of the batch."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence

import torch
from diffusers import SchedulerMixin, UNet2DConditionModel
from torch import Tensor


def noise(
    seeds: Sequence[int], shape: tuple[int, int, int]
) -> tuple[Tensor, list[torch.Generator]]:
    """Standard normal noise `[B, *shape]` float32, each image's from its own seed, on the CPU.

    Also gives the generators, for schedulers that draw more noise in their steps. On the CPU,
    because there the numbers are the same on every machine; `diffusers` does it in the same way
    when it is given a list of CPU generators.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    drawn = [torch.randn(shape, generator=generator) for generator in generators]
    return torch.stack(drawn), generators


@torch.inference_mode()
def denoise(
    unet: UNet2DConditionModel,
    scheduler: SchedulerMixin,
    latents: Tensor,
    text_embeddings: Tensor,
    negative_embeddings: Tensor,
    guidance: Tensor,
    steps: int,
    generators: list[torch.Generator],
) -> Tensor:
    """Denoise standard normal `latents` `[B, C, H/8, W/8]` float32 in `steps` steps.

    Embeddings are `[B, tokens, channels]` in the UNet's dtype, `guidance` `[B]` float32 on the CPU:
    classifier-free guidance (arXiv 2207.12598), `uncond + guidance * (cond - uncond)`. Images whose
    guidance is at most 1 have no unconditional pass. The UNet computes in its own dtype, the
    scheduler in float32.
    """
    device, dtype = latents.device, unet.dtype
    # A scheduler counts its steps: each batch takes a copy of its own.
    scheduler = copy.deepcopy(scheduler)
    scheduler.set_timesteps(steps, device=device)
    guided = (guidance > 1).nonzero().flatten().to(device)
    scale = guidance.to(device)[guided].view(-1, 1, 1, 1)
    context = torch.cat([negative_embeddings[guided], text_embeddings])
    extra = {}
    if "generator" in inspect.signature(scheduler.step).parameters:
        extra["generator"] = generators

    latents = latents * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(latents, timestep)
        inputs = torch.cat([scaled[guided], scaled]).to(dtype)  # [guided + B, C, H/8, W/8]
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        predicted = unet(inputs, timestep, encoder_hidden_states=context).sample.float()
        unconditional, conditional = predicted[: len(guided)], predicted[len(guided) :]
        if len(guided):
            difference = conditional[guided] - unconditional
            conditional[guided] = unconditional + scale * difference
        latents = scheduler.step(conditional, timestep, latents, **extra).prev_sample
    return latents
