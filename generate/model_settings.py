"""Which model is meant, and what is changed of it. Free of PyTorch, for the command's help."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import InputError
from ..base.settings import option


@dataclass(frozen=True)
class ModelSettings:
    """Which model is meant."""

    model: str | None = option(None, shown="the embedded model")
    """A folder that diffusers saved or `zeroreal export` wrote, a checkpoint in one .safetensors
    file, or a hub id such as owner/name@revision."""
    variant: str | None = option(None, shown="plain files, or the only ones", decides_speed=False)
    """Which of a folder's weights to read where there are several: fp16, ema."""


@dataclass(frozen=True)
class PartsSettings(ModelSettings):
    """What is taken in place of a model's own parts, or added to them.

    Raises `InputError` for a number out of range.
    """

    vae: str | None = option(None, shown="the model's own")
    """Another VAE decoder: tiny, for the embedded model, or a folder of an AutoencoderTiny."""
    lora: tuple[str, ...] = ()
    """A LoRA file to merge, FILE or FILE:SCALE; can be given several times."""
    textual_inversion: tuple[str, ...] = option((), decides_speed=False)
    """A textual inversion that prompts can name, FILE or FILE:WORD; can be given several times."""
    clip_skip: int = option(0, decides_speed=False)
    """Layers of the text encoder to leave out at its end, as diffusers counts: 1 is 2 elsewhere."""

    def __post_init__(self) -> None:
        if self.clip_skip < 0:
            raise InputError(f"clip skip is {self.clip_skip}: it must be 0 or more")
