"""Inputs of the denoising steps along a few of a model's own trajectories, for calibration."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..assets.embedded import EMBEDDED_CLASSES
from ..base.transfer import to_device
from ..engine import Cache, DimensionRange, Engine
from ..export import EngineChoice, load_engines
from ..export.graphs.trajectories import StepInputs
from ..export.model.distilled import Distilled
from ..export.model.parts import PartsChoice
from .facts import tokenizers_of
from .plan.classes import parse_classes
from .plan.samples import SamplePlan, SampleSpec
from .plan.settings import PlanSettings
from .sampling.conditions import conditions_of
from .sampling.sampler import Sampler
from .sampling.text import TextEmbeddings
from .settings import GenerateSettings
from .suited import denoising_of, suited, suited_recipe

_RECIPE = "merged"  # prompts and guidance of every kind
_EACH, _EVERY = 3, 4  # images of each class, one for each part of the recipe; of which every fourth
_BATCH = 2  # images at once: with guidance four rows, which fit wherever a model is of use


def record_own_steps(
    folder: Path,
    parts: PartsChoice,
    generate_size: tuple[int, int],
    device: torch.device,
    precision: str,
    cache: Cache,
) -> list[StepInputs]:
    """The inputs of every step of eight images; see `RecordSteps`.

    Prompts, seeds, scheduler and number of steps are always the same for a model: an engine serves
    every plan, and workers that each calibrate their own make the same images. The steps are those
    that suit the UNet, all in full.
    """
    settings = _settings(folder, parts, generate_size)
    denoising = denoising_of(folder, settings, cache)
    choice = EngineChoice(
        *("torch", "eager", device, precision, _BATCH),
        generate_size=generate_size,
        parts=parts,
        decodes=False,
    )
    engines = load_engines(folder, choice, cache)
    info = denoising.info
    recorder = _Recorder(engines.denoise)
    sampler = Sampler(recorder, denoising.schedule, denoising.calls)
    tokenizers = tokenizers_of(folder, info, settings)
    text = TextEmbeddings(
        tokenizers, engines.text_encoder, engines.dtype, info.empty_negative_is_zero
    )
    height, width = (side // info.vae_scale for side in generate_size)
    specs = _specs(settings, denoising.distilled)
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        for begin in range(0, len(specs), _BATCH):
            batch = specs[begin : begin + _BATCH]
            seeds = to_device(torch.tensor([spec.seed for spec in batch]), device)
            given = conditions_of(batch, text, info, generate_size, device)
            sampler(seeds, (info.latent_channels, height, width), given)
    return recorder.steps


class _Recorder:
    """An engine that keeps what it is given; see `Engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.backend, self.spec, self.device = engine.backend, engine.spec, engine.device
        self.profile: Mapping[str, DimensionRange] = engine.profile
        self.steps: list[StepInputs] = []

    def __call__(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        kept = {k: v.clone() for k, v in inputs.items() if k not in ("seeds", "draw")}
        self.steps.append({**kept, "noise": torch.zeros_like(kept["latents"])})
        return self._engine(inputs, outputs)


def _settings(folder: Path, parts: PartsChoice, generate_size: tuple[int, int]) -> GenerateSettings:
    settings = GenerateSettings(
        model=str(folder),
        variant=parts.variant,
        vae=parts.vae,
        lora=parts.loras,
        textual_inversion=parts.inversions,
        clip_skip=parts.clip_skip,
        unet=parts.unet,
        generate_size=generate_size,
    )
    return suited(folder, settings)


def _specs(settings: GenerateSettings, distilled: Distilled | None) -> list[SampleSpec]:
    """Samples of all parts of the recipe, with guidance that the UNet serves."""
    recipe = suited_recipe(PlanSettings(recipe=_RECIPE), settings)
    specs = SamplePlan(recipe, parse_classes(EMBEDDED_CLASSES), _EACH)[::_EVERY]
    if distilled is None:
        return specs
    low, high = distilled.guidance
    return [replace(spec, guidance=min(max(spec.guidance, low), high)) for spec in specs]
