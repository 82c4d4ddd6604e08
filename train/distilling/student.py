"""The student: the teacher's UNet with guidance as one more input, in place of a second row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ...export import load_unet
from ...export.graphs.steps import DenoiseStep
from ...generate.sampling.text import Conditions

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

GUIDANCE_CHANNELS = 64
"""Of the embedding of guidance that the student takes."""


def new_student(
    unet: Path, device: torch.device, variant: str | None = None
) -> UNet2DConditionModel:
    """The teacher's UNet of the folder `unet`, float32, trainable, told guidance by an embedding.

    The embedding's projection is zero, so the student begins as the teacher without guidance. It is
    `time_cond_proj_dim` of `diffusers`, as in guided distillation (arXiv 2210.03142).
    """
    from diffusers import UNet2DConditionModel

    teacher = load_unet(unet, torch.float32, variant)
    own = {name: value for name, value in teacher.config.items() if not name.startswith("_")}
    config = {**own, "time_cond_proj_dim": GUIDANCE_CHANNELS}
    student = UNet2DConditionModel.from_config(config)
    added = student.load_state_dict(teacher.state_dict(), strict=False)
    assert added.missing_keys == ["time_embedding.cond_proj.weight"], added
    assert not added.unexpected_keys, added
    nn.init.zeros_(student.time_embedding.cond_proj.weight)
    return placed(student, device)


def placed(student: UNet2DConditionModel, device: torch.device) -> UNet2DConditionModel:
    """A student on its device, ready for training there."""
    from diffusers.models.attention_processor import AttnProcessor

    if device.type == "cpu":
        student.set_attn_processor(AttnProcessor())  # the fused kernel's backward is slow on CPUs
    return student.to(device, memory_format=torch.channels_last).train()


class StudentLoss(nn.Module):
    """The weighted squared distance of a student's outputs from those that make its jumps."""

    def __init__(self, student: UNet2DConditionModel, dtype: torch.dtype) -> None:
        super().__init__()
        self.step = DenoiseStep(student, student.config.time_cond_proj_dim)
        self._dtype = dtype

    def forward(
        self, latents: Tensor, timesteps: Tensor, target: Tensor, weight: Tensor, given: Conditions
    ) -> Tensor:
        """The mean over a batch, float32, of `weight` `[B]` times each image's mean square.

        `latents` and `target` are float32 `[B, C, h, w]`, `timesteps` float32 `[B]`; `given` has
        `text_embeddings`, `guidance` `[B]` and, for SDXL, `pooled` and `time_ids`.
        """
        # An fp16 teacher's is float16, which a student in float32 cannot take.
        text = given["text_embeddings"].to(self._dtype)
        with torch.autocast(latents.device.type, self._dtype, self._dtype != torch.float32):
            conditions = self.step.conditions(
                given["guidance"], text.dtype, given.get("pooled"), given.get("time_ids")
            )
            output = self.step.unet(
                latents, timesteps, encoder_hidden_states=text, return_dict=False, **conditions
            )[0]
        error: Tensor = (output.float() - target).square().mean((1, 2, 3))
        return (weight * error).mean()
