"""What the denoiser takes of a batch's samples and keeps in every step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...base.transfer import to_device
from ...export import ModelInfo
from ..plan.samples import SampleSpec
from .text import Conditions, TextEmbeddings


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
    image_size: tuple[int, int],
    device: torch.device,
) -> Conditions:
    """Text embeddings, guidance and rows of `specs`, by the names of the denoiser's inputs.

    `image_size` is height and width of what is generated, in pixels.
    """
    guidance = torch.tensor([spec.guidance for spec in specs])
    conditions = text.lookup([spec.prompt for spec in specs])
    if info.guided:
        guided, rows, unconditional = guidance_rows(guidance)
        away = text.lookup_negative([specs[row].negative_prompt for row in guided.tolist()])
        conditions = {name: torch.cat([values, away[name]]) for name, values in conditions.items()}
        conditions["rows"] = to_device(rows, device)
        conditions["unconditional"] = to_device(unconditional, device)
    if info.pooled_channels is not None:
        height, width = image_size
        # Original size, top left corner of the crop, and target size (SDXL, arXiv 2307.01952).
        ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32)
        conditions["time_ids"] = to_device(ids.repeat(len(conditions["pooled"]), 1), device)
    return {**conditions, "guidance": to_device(guidance, device)}
