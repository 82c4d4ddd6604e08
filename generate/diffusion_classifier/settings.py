"""What decides how a diffusion model classifies. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import InputError, unknown
from ...base.settings import option
from ..model_settings import PartsSettings
from ..plan.prompts import template_fields
from .stages import Stage, check_stages, parse_stages

TEMPLATE = "an image of a {class}"
STAGES = "4:4,15:1"
PROPOSED_STAGES = "4:2,9:1"
"""Where something else proposed a few classes."""
NORMS = ("l1", "l2")


@dataclass(frozen=True)
class DiffusionClassifierSettings(PartsSettings):
    """How a diffusion model classifies; its own UNet does it, never a distilled one.

    Raises `InputError` for values out of range.
    """

    template: tuple[str, ...] = option((), shown=f"{TEMPLATE}; of encoders, a photo of a {{class}}")
    """A prompt with {class} in it; can be given several times: the timesteps then take one each in
    turn, encoders their mean."""
    stages: tuple[Stage, ...] | None = option(
        None, read=parse_stages, shown=f"{STAGES}, or {PROPOSED_STAGES} with --propose"
    )
    """Timesteps and how many classes are kept after them, stage by stage."""
    norm: str = "l1"
    """Of the error: l1, the mean of absolute values, or l2, that of squares."""
    engine: str = "torch"
    """torch, torch:compiled, onnxruntime or tensorrt; of encoders, not the last."""
    precision: str = "auto"
    """What text encoder, UNet and VAE compute in: auto, fp32, bf16 or fp16."""
    attention: str = "auto"
    """auto, xformers, cudnn, flash, sdpa or math."""
    generate_size: int | None = option(None, shown="the model's own")
    """Side in pixels at which the model sees images."""
    batch_size: int | None = option(None, shown="128, fewer of more than 128 pixels a side")
    """Evaluations of the UNet together."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm not in NORMS:
            raise unknown("norm", self.norm, NORMS)
        if self.stages is not None:
            check_stages(self.stages)
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"batch size is {self.batch_size}: at least 1 is needed")
        for template in self.template:
            if template_fields(template) != {"class"}:
                raise InputError(
                    f"template {template!r} has to have {{class}} in it and no other field: give "
                    f"such as {TEMPLATE!r}"
                )

    @property
    def templates(self) -> tuple[str, ...]:
        """Those that are used."""
        return self.template or (TEMPLATE,)

    def stages_for(self, proposed: bool) -> tuple[Stage, ...]:
        """The stages, where each image's candidates were `proposed` or are all classes."""
        return self.stages or parse_stages(PROPOSED_STAGES if proposed else STAGES)
