"""What the denoiser takes of a batch's samples and keeps in every step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...base import InputError
from ...base.transfer import to_device
from ...export import ModelInfo
from ...export.model.distilled import Distilled
from ..plan.recipe import GuidanceRange
from ..plan.samples import SamplePlan, SampleSpec, possible_prompts
from ..settings import GenerateSettings
from .text import Conditions, TextEmbeddings


def check_guidance(settings: GenerateSettings, info: ModelInfo) -> None:
    """Raise `InputError` for settings of guidance where the model has its own."""
    if info.guided:
        return
    for name in ("guidance_interval", "negative_prompt"):
        if (value := getattr(settings, name)) is not None:
            words = name.replace("_", " ")
            raise InputError(
                f"{words} {value!r} was given, but the model has guidance built in, which takes "
                f"none: leave the {words} out, or choose another model"
            )


def check_served(specs: Iterable[SampleSpec], distilled: Distilled | None) -> None:
    """Raise `InputError` for a sample that a distilled UNet cannot make as it asks."""
    if distilled is None:
        return
    for spec in specs:
        _check_sample(spec.guidance, spec.negative_prompt, distilled)


def check_plan(plan: SamplePlan, distilled: Distilled | None) -> None:
    """Raise `InputError` for a plan with samples that a distilled UNet cannot make as it asks."""
    if distilled is None:
        return
    for one in possible_prompts(plan):
        drawn = one.guidance
        for scale in drawn.uniform if isinstance(drawn, GuidanceRange) else (drawn,):
            _check_sample(scale, one.text.negative_prompt, distilled)


def _check_sample(guidance: float, negative_prompt: str, distilled: Distilled) -> None:
    low, high = distilled.guidance
    if not low <= guidance <= high:
        raise InputError(
            f"guidance {guidance:g} was asked for, the UNet was distilled for {low:g} to "
            f"{high:g}: stay inside, or take the model's own with --unet own"
        )
    if negative_prompt:
        raise InputError(
            f"negative prompt {negative_prompt!r} was asked for, but the distilled UNet has "
            "guidance built in, which takes none: leave it out, or take the model's own UNet "
            "with --unet own"
        )


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


def conditions_of(
    specs: Sequence[SampleSpec],
    text: TextEmbeddings,
    info: ModelInfo,
    generate_size: tuple[int, int],
    device: torch.device,
    negative_prompt: str | None = None,
) -> Conditions:
    """Text embeddings, guidance and rows of `specs`, by the names of the denoiser's inputs.

    `generate_size` is height and width of what is generated, in pixels. A `negative_prompt` takes
    the place of those of `specs`.
    """
    guidance = torch.tensor([spec.guidance for spec in specs])
    conditions = text.lookup([spec.prompt for spec in specs])
    if info.guided:
        guided, rows, unconditional = guidance_rows(guidance)
        if negative_prompt is None:
            said = [specs[row].negative_prompt for row in guided.tolist()]
        else:
            said = [negative_prompt] * len(guided)
        away = text.lookup_negative(said)
        conditions = {name: torch.cat([values, away[name]]) for name, values in conditions.items()}
        conditions["rows"] = to_device(rows, device)
        conditions["unconditional"] = to_device(unconditional, device)
    if info.pooled_channels is not None:
        conditions["time_ids"] = time_ids(generate_size, len(conditions["pooled"]), device)
    return {**conditions, "guidance": to_device(guidance, device)}


def time_ids(generate_size: tuple[int, int], rows: int, device: torch.device) -> Tensor:
    """What SDXL is told of sizes, float32 `[rows, 6]`; `generate_size` is height and width."""
    height, width = generate_size
    # Original size, top left corner of the crop, and target size (SDXL, arXiv 2307.01952).
    ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32)
    return to_device(ids.repeat(rows, 1), device)
