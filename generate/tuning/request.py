"""What tuning is asked for, and what it tells as it goes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...base import InputError, unknown
from ...export import EngineChoice, parse_engine
from .batch_curve import Point

EFFORTS = ("short", "full")


@dataclass(frozen=True)
class TuneRequest:
    """What is generated on what, and what of the settings is fixed; the rest is searched.

    Raises `InputError` for an engine or effort that is unknown and for numbers below 1.
    """

    device: torch.device
    steps: int
    """Denoising steps an image."""
    engine: str = "auto"
    """`auto`, or fixed: a name that `parse_engine` reads."""
    precision: str = "auto"
    """`auto`, which is each engine's own choice, `fp32`, `bf16` or `fp16`; never searched."""
    attention: str = "auto"
    """`auto`, or fixed: a backend of `memory_efficient_attention`, which only torch takes."""
    cuda_graphs: bool | None = None
    """Whether work is replayed as CUDA graphs; None: where a GPU is faster with them."""
    batch_size: int | None = None
    """Images denoised together; None: searched."""
    vae_batch_size: int | None = None
    """Images decoded together; None: searched."""
    image_size: int | None = None
    """Side in pixels of the images that are generated; None: the model's own."""
    vae: str | None = None
    """Another VAE decoder, as `EngineChoice` takes it."""
    deep_cache: bool = False
    """Whether deep features are kept for further steps; steps are measured without reuse."""
    guided: bool = True
    """Whether all images have guidance, and so two rows each in the UNet's batch, or none."""
    memory_bytes: int | None = None
    """Of the device, for this process; None: most of what is free."""
    effort: str = "short"
    """`short`: engines that need no long build, for some seconds; `full`: all, to the end."""

    def __post_init__(self) -> None:
        if self.engine != "auto":
            parse_engine(self.engine)
        if self.effort not in EFFORTS:
            raise unknown("effort", self.effort, EFFORTS)
        for name in ("steps", "batch_size", "vae_batch_size", "memory_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name.replace('_', ' ')} is {value}: at least 1 is needed")


@dataclass(frozen=True)
class Candidate:
    """An engine and its settings."""

    engine: str
    """A name that `parse_engine` reads."""
    attention: str
    cuda_graphs: bool

    def __str__(self) -> str:
        attention = "" if self.attention == "auto" else f", {self.attention} attention"
        return f"{self.engine}{attention}{', CUDA graphs' if self.cuda_graphs else ''}"

    def choice(self, request: TuneRequest, batch_size: int, vae_batch_size: int) -> EngineChoice:
        """What loads its engines for batches of these sizes."""
        backend, variant = parse_engine(self.engine)
        return EngineChoice(
            backend,
            variant,
            request.device,
            request.precision,
            batch_size,
            self.attention,
            self.cuda_graphs,
            vae_batch_size=vae_batch_size,
            generate_size=request.image_size,
            vae=request.vae,
            deep_cache=request.deep_cache,
        )


@dataclass(frozen=True)
class TuneProgress:
    """A point that was measured, or a note: an engine left out, a curve ended, and why."""

    engine: str
    """A candidate in words."""
    point: Point | None = None
    note: str = ""
