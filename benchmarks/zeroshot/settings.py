"""What the benchmark of classifying without training is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.settings import option
from ...encoders.settings import EMBEDDED
from ...generate.diffusion_classifier.settings import STAGES
from ...generate.diffusion_classifier.stages import Stage, parse_stages

DEFAULT_CONTENDERS = (
    "diffusers/fp32",
    "ours:torch/fp32",
    "ours:onnxruntime/fp32",
    "transformers",
    "encoder:torch",
    "encoder:onnxruntime",
)


@dataclass(frozen=True, kw_only=True)
class ZeroshotBenchSettings:
    """Who classifies which images, and how often."""

    contenders: tuple[str, ...] = option(
        DEFAULT_CONTENDERS, is_argument=True, shown="diffusers and ours in fp32, both of encoders"
    )
    """Of the diffusion classifier, PROGRAM/PRECISION: ours:ENGINE, diffusers or diffusers:compiled;
    of encoders, encoder:ENGINE, which is ours, or transformers; @8 fixes the batch. The first of
    each kind is what others are compared to."""
    model: str | None = option(None, shown="the embedded one")
    """A diffusers folder or hub id."""
    random_weights: str | None = None
    """In place of a model: an architecture's name, such as sd15."""
    stages: tuple[Stage, ...] = option(parse_stages(STAGES), read=parse_stages, shown=STAGES)
    """Timesteps and how many classes are kept after them, stage by stage."""
    images: int = 100
    """Classified by the diffusion model in each round."""
    encoder: str = EMBEDDED
    """A dual encoder: a folder that transformers saved, a hub id, or embedded."""
    encoder_images: int = 1000
    """Classified by each encoder in each round."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    rounds: int = 5
    """How often each contender classifies all images."""
