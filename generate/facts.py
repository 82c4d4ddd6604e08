"""What a generator settled on, for reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..export import ModelInfo, check_model_folder, is_exported, read_manifest


@dataclass(frozen=True)
class GeneratorFacts:
    """A generator's model, engine and sizes, once its choices are made."""

    folder: Path
    """Of the model."""
    scheduler: str
    """A `diffusers` scheduler's class name."""
    engine: str
    """As `Generator` takes it, with its variant."""
    backend: str
    """Of the engine."""
    attention: str
    """As `Generator` takes it."""
    cuda_graphs: bool
    """Whether work is replayed on a GPU as graphs."""
    dtype: torch.dtype
    """Of text encoder, UNet and VAE."""
    generate_size: tuple[int, int]
    """Height and width in pixels at which images are generated."""
    image_size: int
    """Side of the finished square images in pixels."""
    batch_size: int
    """Images denoised together."""
    vae_batch_size: int
    """Images decoded together."""

    @property
    def found(self) -> dict[str, Any]:
        """What tuning may have chosen, as `Generator` takes it: with these it chooses nothing."""
        names = ("engine", "attention", "cuda_graphs", "batch_size", "vae_batch_size")
        return {name: getattr(self, name) for name in names}


def info_of(folder: Path) -> ModelInfo:
    """The facts about the model in a folder, exported or as diffusers saved it."""
    return read_manifest(folder).info if is_exported(folder) else check_model_folder(folder)
