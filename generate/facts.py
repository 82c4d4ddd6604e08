"""What a generator settled on, for reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..base.device import FP8, PRECISIONS
from ..export import ModelInfo, is_exported, load_tokenizers, read_manifest
from ..export.model.distilled import Distilled, read_distilled
from ..export.model.parts import PartsChoice, find_parts
from ..export.model.textual_inversion import parse_inversion
from .model_settings import PartsSettings
from .settings import GenerateSettings

if TYPE_CHECKING:
    from transformers import CLIPTokenizer


@dataclass(frozen=True)
class GeneratorFacts:
    """A generator's model, engine and sizes, once its choices are made."""

    folder: Path
    """Of the model."""
    scheduler: str
    """A `diffusers` scheduler's class name."""
    unet: str | None
    """As `Generator` takes it; None for an exported model."""
    steps: int
    """Denoising steps for each image."""
    engine: str
    """As `Generator` takes it, with its variant."""
    backend: str
    """Of the engine."""
    attention: str
    """As `Generator` takes it."""
    cuda_graphs: bool
    """Whether work is replayed on a GPU as graphs."""
    precision: str
    """What it computes in, as `Generator` takes it; never `auto`."""
    dtype: torch.dtype
    """Of text encoder, UNet and VAE; of fp8, beside the narrow layers."""
    generate_size: tuple[int, int]
    """Height and width in pixels at which images are generated."""
    image_size: int
    """Side of the finished square images in pixels."""
    batch_size: int
    """Images denoised together."""
    vae_batch_size: int
    """Images decoded together."""

    @property
    def dtype_name(self) -> str:
        """What it computes in, for people: `bfloat16`."""
        name = str(self.dtype).removeprefix("torch.")
        return f"{name}, some layers {FP8}" if self.precision == FP8 else name

    @property
    def found(self) -> dict[str, Any]:
        """What tuning may have chosen, as `Generator` takes it: with these it measures nothing."""
        names = ("engine", "attention", "cuda_graphs", "batch_size", "vae_batch_size")
        return {name: getattr(self, name) for name in names}

    @property
    def settled(self) -> dict[str, Any]:
        """All that was left open, as `Generator` takes it: with these it chooses nothing."""
        return {**self.found, "unet": self.unet, "steps": self.steps}


def precision_name(asked: str, dtype: torch.dtype) -> str:
    """What was `asked` for, by name; of `auto`, what computing in `dtype` is called."""
    return asked if asked == FP8 else next(k for k, one in PRECISIONS.items() if one == dtype)


def parts_of(settings: PartsSettings, unet: str | None) -> PartsChoice:
    """What `settings` take in place of a model's own parts, with the UNet called `unet`."""
    return PartsChoice(
        unet=unet,
        vae=settings.vae,
        loras=settings.lora,
        variant=settings.variant,
        inversions=settings.textual_inversion,
        clip_skip=settings.clip_skip,
    )


def tokenizers_of(folder: Path, info: ModelInfo, settings: PartsSettings) -> list[CLIPTokenizer]:
    """The tokenizers of the model in a folder, with what `settings` teach them."""
    inversions = () if is_exported(folder) else settings.textual_inversion
    return load_tokenizers(folder, info, [parse_inversion(text) for text in inversions])


def model_facts(folder: Path, settings: GenerateSettings) -> tuple[ModelInfo, Distilled | None]:
    """The facts about the model in a folder, exported or as diffusers saved it, by `settings`."""
    if is_exported(folder):
        return read_manifest(folder).info, read_distilled(folder)
    parts = find_parts(folder, parts_of(settings, settings.unet))
    return parts.info, parts.distilled
