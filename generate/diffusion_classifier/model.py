"""Which models can classify, and the engines that they do it with."""

from __future__ import annotations

from pathlib import Path

import torch

from ...base import InputError
from ...export import EngineChoice, ModelInfo, is_exported, parse_engine, read_manifest
from ...export.model.distilled import read_distilled
from ...export.model.parts import OWN_UNET, find_parts
from ..facts import parts_of
from ..few_step_models import few_step_model
from .settings import DiffusionClassifierSettings


def own_info(folder: Path, settings: DiffusionClassifierSettings) -> ModelInfo:
    """The facts about the model in `folder` with its own UNet, if that can classify.

    Raises `InputError` for few-step models.
    """
    if is_exported(folder):
        info, distilled = read_manifest(folder).info, read_distilled(folder)
    else:
        parts = find_parts(folder, parts_of(settings, OWN_UNET))
        info, distilled = parts.info, parts.distilled
    is_distilled = distilled is not None or not info.guided
    if is_distilled or few_step_model(folder, info) is not None:
        raise InputError(
            f"model folder {str(folder)!r} holds a few-step model, which learnt few noise levels "
            "and cannot classify by all: give the model that it was distilled from"
        )
    return info


def engine_choice(
    settings: DiffusionClassifierSettings, device: torch.device, batch_size: int
) -> EngineChoice:
    """The engines of the model with its own UNet, for so many evaluations together."""
    backend, variant = parse_engine(settings.engine)
    size = settings.generate_size
    return EngineChoice(
        backend,
        variant,
        device,
        settings.precision,
        batch_size,
        settings.attention,
        generate_size=None if size is None else (size, size),
        parts=parts_of(settings, OWN_UNET),
        encodes=True,
        decodes=False,
    )
