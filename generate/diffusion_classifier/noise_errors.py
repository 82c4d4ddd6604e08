"""How far off the UNet is when it tells noise from an image, prompt by prompt."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...export import ModelEngines
from ...kernels import philox_normal
from ..sampling.conditions import time_ids
from ..sampling.text import Conditions
from .levels import Level


class NoiseErrors:
    """The errors of the noise that the UNet predicts.

    Args:
        engines: those of the model.
        prompts: what the UNet takes of each template's prompts, a row for each class.
        norm: `l1` or `l2`.
    """

    def __init__(self, engines: ModelEngines, prompts: Sequence[Conditions], norm: str) -> None:
        self._engines, self._prompts, self._norm = engines, prompts, norm
        self._device = engines.denoise.device
        self._draws = any(wanted.name == "seeds" for wanted in engines.denoise.spec.inputs)

    def __call__(
        self, latents: Tensor, seeds: Tensor, level: Level, classes: Tensor, together: int
    ) -> Tensor:
        """The mean error for each image and each of its `classes`: float32 `[B, C]`.

        All classes of an image see the same noise.

        Args:
            latents: of images, float32 `[B, 4, H/8, W/8]`.
            seeds: of their noise, int64 `[B]`.
            level: how much there is of it.
            classes: of each image, int64 `[B, C]`.
            together: evaluations of the UNet at once; no fewer than B are done.
        """
        noise = philox_normal(seeds, latents.shape[1:], level.timestep)
        noised = level.signal * latents + level.spread * noise
        prompts = self._prompts[level.turn % len(self._prompts)]
        errors = []
        for some in classes.split(max(1, together // len(latents)), dim=1):
            times = some.shape[1]
            chosen = some.t().flatten()  # [times * B], the first class of every image first
            text = {name: table[chosen] for name, table in prompts.items()}
            repeated = noise.repeat(times, 1, 1, 1)
            missed = self._missed(noised.repeat(times, 1, 1, 1), repeated, level, text)
            missed = missed.abs() if self._norm == "l1" else missed.square()
            errors.append(missed.mean((1, 2, 3)).view(times, -1).t())
        return torch.cat(errors, dim=1)

    def _missed(self, noised: Tensor, noise: Tensor, level: Level, text: Conditions) -> Tensor:
        """The noise as the UNet has it less the true one, float32 `[B, 4, H/8, W/8]`."""
        count = len(noised)
        rows = torch.arange(count, device=self._device)
        inputs = {
            "latents": noised,
            "history": noise,
            "timestep": level.told,
            "coefficients": level.coefficients,
            "guidance": torch.ones(count, device=self._device),
            "rows": rows,
            "unconditional": rows,
            **text,
        }
        # Further noise, which the coefficients leave out, as the engine's graph takes it.
        inputs |= {"seeds": rows, "draw": rows[:1]} if self._draws else {"noise": noise}
        if "pooled" in text:
            inputs["time_ids"] = time_ids(self._engines.generate_size, count, self._device)
        return self._engines.denoise(inputs)["next_latents"]
