"""What tuning is asked for, and what it tells as it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from ...base import unknown
from ...base.device import FP8
from ...base.sides import both_sides
from ...export import EngineChoice, ExportProgress, parse_engine
from ...export.engines.choice import check_float8_engine
from ..facts import parts_of
from ..own_trajectories import record_own_steps
from ..settings import GenerateSettings
from .batch_curve import Point

EFFORTS = ("brief", "short", "full")
"""Each finds no worse than the one before, and takes longer."""


@dataclass(frozen=True)
class TuneRequest:
    """What is generated on what, and what of the settings is fixed; the rest is searched.

    Raises `InputError` for an engine or effort that is unknown.
    """

    device: torch.device
    settings: GenerateSettings = field(default_factory=GenerateSettings)
    """What is `auto` or None there is searched, but for the precision, which is then each engine's
    own. Steps are measured with guidance at all noise levels and without reuse of deep features."""
    guided: bool = True
    """Whether all images have guidance, and so two rows each in the UNet's batch, or none."""
    effort: str = "short"
    """`brief`: the engine that needs no build, for a few seconds; `short`: all that need no long
    build, for some; `full`: all, to the end."""

    @property
    def steps(self) -> int:
        """Denoising steps for each image, which settings that `suited` gave name."""
        assert self.settings.steps is not None
        return self.settings.steps

    def __post_init__(self) -> None:
        if self.settings.engine != "auto":
            parse_engine(self.settings.engine)
        if self.settings.precision == FP8:
            check_float8_engine(self.settings.engine)
        if self.effort not in EFFORTS:
            raise unknown("effort", self.effort, EFFORTS)


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
        settings, size = request.settings, request.settings.generate_size
        precision = settings.precision
        if precision == FP8 and self.engine == "torch":
            precision = "bf16"  # it only shows which batches suit the engine that is built
        return EngineChoice(
            backend,
            variant,
            request.device,
            precision,
            batch_size,
            self.attention,
            self.cuda_graphs,
            vae_batch_size=vae_batch_size,
            generate_size=None if size is None else both_sides(size),
            parts=parts_of(settings, settings.unet),
            first_steps=settings.first_steps > 0,
            deep_cache=settings.deep_cache > 1,
            record_steps=record_own_steps,
        )


@dataclass(frozen=True)
class TuneProgress:
    """A point that was measured, or a note: an engine left out, a curve ended, and why."""

    engine: str
    """A candidate in words."""
    point: Point | None = None
    note: str = ""


GeneratorProgress = ExportProgress | TuneProgress
"""What is told while a generator is made: exporting and tuning."""

OnProgress = Callable[[GeneratorProgress], None]
