"""Noise levels: how images are noised, and how a step tells what the UNet misses of the noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import torch
from torch import Tensor

from ...base import InputError, unknown
from ...base.aligned_rows import aligned_rows
from ...export import load_scheduler


@dataclass(frozen=True)
class Level:
    """How much noise there is at a timestep."""

    turn: int
    """Which of the levels that are tried it is, from 0."""
    timestep: int
    """From 0."""
    signal: float
    spread: float
    """Noised latents are `signal * latents + spread * noise`."""
    told: Tensor
    """The timestep as the denoising step takes it, float32 `[1]`."""
    coefficients: Tensor
    """Those of the denoising step, float32 `[7]`; see `error_coefficients`."""


def levels_of(
    folder: Path, prediction_type: str, timesteps: Sequence[int], device: torch.device
) -> list[Level]:
    """The levels of the model in `folder` at timesteps in the order in which they are tried.

    Raises `InputError` for a model whose scheduler has no schedule of noise.
    """
    scheduler = load_scheduler(folder, None)
    alphas = getattr(scheduler, "alphas_cumprod", None)
    if alphas is None:
        raise InputError(
            f"the scheduler of model folder {str(folder)!r}, {type(scheduler).__name__}, has no "
            "schedule of noise for timesteps: give a model of Stable Diffusion's kind"
        )
    alpha = [float(alphas[timestep]) for timestep in timesteps]
    rows = torch.tensor([error_coefficients(prediction_type, one) for one in alpha])
    coefficients = aligned_rows(rows, device)
    told = aligned_rows(torch.tensor(timesteps, dtype=torch.float32)[:, None], device)
    return [
        Level(turn, one, sqrt(alpha[turn]), sqrt(1 - alpha[turn]), told[turn], coefficients[turn])
        for turn, one in enumerate(timesteps)
    ]


def error_coefficients(prediction_type: str, alpha: float) -> tuple[float, ...]:
    """A step's coefficients, with which it gives the noise as the UNet has it less the true one.

    The true noise is the step's history; the others are those of `Step` for an update that is the
    noise in terms of noised latents and output. `alpha` is the share of the signal's variance
    (`alphas_cumprod`). So the error of a model that predicts v is that of v times `sqrt(alpha)`, of
    one that predicts the image that of the image times `sqrt(alpha / (1 - alpha))`.
    """
    signal, spread = sqrt(alpha), sqrt(1 - alpha)
    noise_of = {
        "epsilon": (0.0, 1.0),
        "v_prediction": (spread, signal),  # arXiv 2202.00512, appendix D
        "sample": (1 / spread, -signal / spread),
    }
    if prediction_type not in noise_of:
        raise unknown("prediction type", prediction_type, noise_of)
    return (1.0, *noise_of[prediction_type], -1.0, 0.0, 0.0, 0.0)
