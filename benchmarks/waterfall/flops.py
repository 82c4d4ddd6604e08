"""FLOP that a row really computes for an image: levers leave out some of what others compute."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...export import ModelInfo, check_model_folder, load_scheduler, noise_levels, schedule_of
from ...export.graphs.deep_cache import shallow_step
from ...export.graphs.steps import DenoiseStep
from ...export.model.vae_folder import find_vae, vae_class
from ...generate.sampling.steps import Call, guided_steps, plan_calls
from ..generation.contender import OURS, GeneratorName
from ..generation.flops import ModelFlops, count_flops, forward_flops
from ..generation.job import GenerationJob


@dataclass(frozen=True)
class ImageWork:
    """What an image takes of the model."""

    calls: tuple[Call, ...]
    """Of the UNet, one a step."""
    flops: ModelFlops
    shallow_row: int
    """FLOP of one row in a step that is not full."""
    encodes: bool
    """Whether its prompt is encoded for it; ours are, once, before the rounds."""

    def flop(self, guided: bool) -> int:
        """FLOP of an image, with guidance or without."""
        rows = 2 if guided else 1
        steps = sum(
            (2 if guided and call.guided else 1)
            * (self.flops.unet_row if call.full else self.shallow_row)
            for call in self.calls
        )
        return steps + self.flops.vae_decoder + (rows * self.flops.text if self.encodes else 0)


def flop_per_image(job: GenerationJob, name: GeneratorName) -> float:
    """FLOP of an image as `name` makes it, the mean over the images of `job`.

    Raises `InputError` for levers that the model cannot have.
    """
    info = check_model_folder(job.folder)
    work = _work(job, name, info)
    each = [work.flop(info.guided and spec.guidance > 1) for spec in job.specs()]
    return sum(each) / len(each)


def _work(job: GenerationJob, name: GeneratorName, info: ModelInfo) -> ImageWork:
    changes = name.changes
    scheduler = load_scheduler(job.folder, job.scheduler)
    schedule = schedule_of(scheduler, changes.get("steps", job.steps))
    acts = [True] * len(schedule.steps)
    if interval := changes.get("guidance_interval"):
        acts = guided_steps(noise_levels(scheduler, schedule), interval)
    first = changes.get("first_steps", 0)
    if "unet" in changes:  # a distilled one has guidance inside
        acts = [number < first for number in range(len(acts))]
    calls = tuple(plan_calls(acts, changes.get("deep_cache", 1), first))
    flops = count_flops(job.folder, job.generate_size)
    height, width = (side // info.vae_scale for side in job.generate_size)
    latents = (1, info.latent_channels, height, width)
    shallow = 0
    if not all(call.full for call in calls):
        shallow = _shallow_row(job.folder, info, latents)
    if "vae" in changes:
        decoder = _decoder(find_vae(job.folder, info, changes["vae"]), latents)
        flops = ModelFlops(flops.text, flops.unet_row, decoder)
    return ImageWork(calls, flops, shallow, encodes=name.program != OURS)


def _shallow_row(folder: Path, info: ModelInfo, latents: tuple[int, int, int, int]) -> int:
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(
            UNet2DConditionModel.load_config(folder, subfolder="unet")
        )
        inputs: dict[str, Any] = {
            "sample": torch.zeros(latents),
            "timestep": torch.zeros(1),
            "encoder_hidden_states": torch.zeros(1, info.tokens, info.context_channels),
            "deep_features": torch.zeros(1, info.unet_channels, *latents[2:]),
        }
        if info.pooled_channels is not None:
            pooled = torch.zeros(1, info.pooled_channels)
            added = {"text_embeds": pooled, "time_ids": torch.zeros(1, 6)}
            inputs["added_cond_kwargs"] = added
        return forward_flops(partial(shallow_step(DenoiseStep(unet, None)).unet, **inputs))


def _decoder(folder: Path, latents: tuple[int, int, int, int]) -> int:
    import diffusers

    kind = getattr(diffusers, vae_class(folder))
    with torch.device("meta"):
        vae = kind.from_config(kind.load_config(folder))
        return forward_flops(partial(vae.decode, torch.zeros(latents)))
