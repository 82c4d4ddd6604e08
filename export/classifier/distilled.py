"""Images made of noise that give a network the statistics which its batch normalisation keeps.

ZeroQ (arXiv 2001.00281, section 3.1): the pixels are optimised until mean and deviation of what
enters each batch normalisation, and of the pixels, are those of training. They look like nothing,
and need neither a real image nor a generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...base.errors import InputError

COUNT = 64
STEPS = 500
_RATE = 0.5
_EPSILON = 1e-6
_Norm = nn.modules.batchnorm._BatchNorm


def distilled_images(
    network: nn.Module,
    image_size: int,
    mean: Sequence[float],
    deviation: Sequence[float],
    on_step: Callable[[int], None] = lambda step: None,
    steps: int = STEPS,
) -> NDArray[np.uint8]:
    """`COUNT` images, uint8 `[N, S, S, 3]`, the same each time, for a network in eval mode.

    `mean` and `deviation` are what pixels of 0 to 1 are normalised by. Raises `InputError` for a
    network that has no batch normalisation with statistics.
    """
    norms = [one for one in network.modules() if isinstance(one, _Norm) and one.track_running_stats]
    if not norms:
        raise InputError(
            "the classifier has no batch normalisation, whose statistics distilled images match: "
            "give --calibration-images generated"
        )
    centre, scale = (torch.tensor(one).view(1, 3, 1, 1) for one in (mean, deviation))
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randn(COUNT, 3, image_size, image_size, generator=draw).requires_grad_()
    optimizer = torch.optim.Adam([pixels], _RATE)
    calmer = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=100, min_lr=1e-4)
    distances: list[Tensor] = []
    hooks = [one.register_forward_pre_hook(_to_statistics(distances)) for one in norms]
    try:
        for step in range(steps):
            distances.clear()
            network(pixels)
            loss = torch.stack([*distances, _distance(pixels, 0.0, 1.0)]).sum()
            (pixels.grad,) = torch.autograd.grad(loss, pixels)
            optimizer.step()
            calmer.step(loss.detach())
            with torch.no_grad():  # to what pixels can be
                pixels.copy_(pixels.clamp(-centre / scale, (1 - centre) / scale))
            on_step(step + 1)
    finally:
        for hook in hooks:
            hook.remove()
    levels = ((pixels.detach() * scale + centre) * 255).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def _to_statistics(distances: list[Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    """A hook that adds how far a batch normalisation's input is from what it was in training."""

    def hook(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, _Norm)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        kept = (norm.running_var + norm.eps).sqrt()
        distances.append(_distance(inputs[0], norm.running_mean, kept))

    return hook


def _distance(values: Tensor, mean: Tensor | float, deviation: Tensor | float) -> Tensor:
    """Squared, of mean and deviation of each channel over batch and places, `[B, C, ...]`."""
    others = [axis for axis in range(values.dim()) if axis != 1]
    variance, average = torch.var_mean(values, others, correction=0)
    apart = (average - mean) ** 2 + ((variance + _EPSILON).sqrt() - deviation) ** 2
    return apart.sum()
