"""How a model is exported, and how far its export is."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...base.device import FP8, PRECISIONS
from ...base.errors import InputError, unknown
from ..graphs.specs import GRAPHS, VAE_DECODER, VAE_ENCODER
from ..model.model_info import ModelInfo
from ..model.parts import PartsChoice
from .float8 import WIDE

_STAGES = ("load", "reference", "export", "check")


@dataclass(frozen=True)
class ExportProgress:
    """What the exporter is at: a stage of a graph."""

    graph: str
    stage: str
    graphs: tuple[str, ...] = GRAPHS
    """All that are exported, in order."""

    @property
    def done(self) -> int:
        """Number of this stage, 1 to `total`."""
        return self.graphs.index(self.graph) * len(_STAGES) + _STAGES.index(self.stage) + 1

    @property
    def total(self) -> int:
        """Stages in all."""
        return len(self.graphs) * len(_STAGES)


@dataclass(frozen=True)
class ExportSettings:
    """How a model is exported."""

    precision: str = "fp32"
    """`fp32`, `fp16` or `bf16`, of weights and computation; or `fp8`: as much of the UNet as is
    close enough, with the rest in `fp16`. TensorRT alone computes in it."""
    vae_precision: str = "auto"
    """`auto` is `wide` or, where the VAE is not exact in it, the next of bf16 and fp32."""
    generate_size: tuple[int, int] | None = None
    """Height and width in pixels; by default those that the model was trained on."""
    any_size: bool = False
    """Leave height and width free, in place of `generate_size`."""
    parts: PartsChoice = field(default_factory=PartsChoice)
    """What to take in place of the model's own parts."""
    encodes: bool = False
    """Whether to export the VAE encoder, too."""
    decodes: bool = True
    """Whether to export the VAE decoder, without which nothing can be generated."""

    @property
    def wide(self) -> str:
        """The precision of what is not in 8 bits."""
        return WIDE if self.precision == FP8 else self.precision

    @property
    def graphs(self) -> tuple[str, ...]:
        """Those that are exported, in order."""
        is_wanted = {VAE_DECODER: self.decodes, VAE_ENCODER: self.encodes}
        return tuple(name for name in (*GRAPHS, VAE_ENCODER) if is_wanted.get(name, True))

    def precisions(self, graph: str) -> tuple[str, ...]:
        """The precisions to try for the graph of that name, in order."""
        if graph not in (VAE_DECODER, VAE_ENCODER):
            return (self.wide,)
        if self.vae_precision != "auto":
            return (self.vae_precision,)
        # fp16 overflows in some VAEs (black images); bf16 has the range of fp32.
        wider = {"fp16": ("bf16", "fp32"), "bf16": ("fp32",)}
        return (self.wide, *wider.get(self.wide, ()))


def check_settings(settings: ExportSettings) -> None:
    """Raise `InputError` for precisions that are not known, and for two sizes."""
    for name, value, known in (
        ("precision", settings.precision, (*PRECISIONS, FP8)),
        ("VAE precision", settings.vae_precision, ("auto", *PRECISIONS)),
    ):
        if value not in known:
            raise unknown(name, value, known)
    if settings.any_size and settings.generate_size is not None:
        raise InputError(
            f"size {settings.generate_size[0]}x{settings.generate_size[1]} and any size were both "
            "asked for: give one"
        )
    if settings.any_size and settings.encodes:
        raise InputError(
            "the VAE encoder is exported for one size, and any size was asked for: leave one out"
        )


def generated_size(info: ModelInfo, settings: ExportSettings) -> tuple[int, int] | None:
    """Height and width in pixels that the graphs are exported for; None where both are free."""
    if settings.any_size:
        return None
    height, width = settings.generate_size or (info.image_side, info.image_side)
    unit = info.vae_scale
    if min(height, width) < unit or height % unit or width % unit:
        raise InputError(
            f"size {height}x{width} does not fit the model: give multiples of {unit} pixels"
        )
    return height, width
