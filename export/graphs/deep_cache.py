"""Steps that reuse the deep features of an earlier step (DeepCache, arXiv 2312.00858).

A UNet's deep features change little from step to step. A full step also gives what goes into the
last resnet of its last block; a shallow step takes that in place of computing it, and runs only
the first convolution, this resnet with its attention, and the output layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...base.errors import InputError
from .steps import DenoiseStep

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

_BLOCKS = ("UpBlock2D", "CrossAttnUpBlock2D")


def full_step(step: DenoiseStep) -> DenoiseStep:
    """`step`, that gives its deep features `[rows, C, H/8, W/8]` besides; weights are shared."""
    return DenoiseStep(_FullUNet(step.unet), step.guidance_channels)


def shallow_step(step: DenoiseStep) -> DenoiseStep:
    """`step`, that takes `deep_features` in place of computing them; weights are shared."""
    return DenoiseStep(_ShallowUNet(step.unet), step.guidance_channels)


def check_deep_cache(unet: UNet2DConditionModel) -> None:
    """Raise `InputError` for a UNet that steps cannot be skipped in."""
    config = unet.config
    kinds = config.up_block_types
    if len(kinds) < 2:
        raise InputError(
            f"deep cache skips all of a UNet but its last block, this one has {len(kinds)} in all: "
            "leave deep cache out"
        )
    if kinds[-1] not in _BLOCKS or config.center_input_sample:
        raise InputError(
            f"deep cache is not supported by a UNet whose last block is a {kinds[-1]} or whose "
            f"input is centred, but with {' or '.join(_BLOCKS)}: leave deep cache out"
        )


class _FullUNet(nn.Module):
    """The whole UNet."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        check_deep_cache(unet)
        self.unet = unet

    def forward(self, *inputs: Tensor, **conditions: Any) -> tuple[Tensor, Tensor]:
        """What the UNet gives, and its deep features."""
        entering: list[Tensor] = []
        last: nn.Module = self.unet.up_blocks[-1].resnets[-1]
        hook = last.register_forward_pre_hook(lambda _, arguments: entering.append(arguments[0]))
        try:
            (output,) = self.unet(*inputs, **conditions)
        finally:
            hook.remove()
        # Behind the deep features are those of the first convolution.
        return output, entering[0][:, : -self.unet.conv_in.out_channels]


class _ShallowUNet(nn.Module):
    """The layers around the deep features."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        check_deep_cache(unet)
        self.time_proj, self.time_embedding = unet.time_proj, unet.time_embedding
        self.time_embed_act = unet.time_embed_act
        if unet.config.addition_embed_type == "text_time":
            self.add_time_proj, self.add_embedding = unet.add_time_proj, unet.add_embedding
        self.conv_in = unet.conv_in
        block = unet.up_blocks[-1]
        self.resnet = block.resnets[-1]
        self.attention = block.attentions[-1] if hasattr(block, "attentions") else None
        self.conv_norm_out, self.conv_act = unet.conv_norm_out, unet.conv_act
        self.conv_out = unet.conv_out

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        deep_features: Tensor,
        timestep_cond: Tensor | None = None,
        added_cond_kwargs: Mapping[str, Tensor] | None = None,
        return_dict: bool = False,
    ) -> tuple[Tensor]:
        """What the UNet would give if its deep features were these; arguments are the UNet's."""
        projected = self.time_proj(timestep.expand(sample.shape[0])).to(sample.dtype)
        embedding = self.time_embedding(projected, timestep_cond)
        if added_cond_kwargs is not None:
            embedding = embedding + self._added_embedding(**added_cond_kwargs, dtype=sample.dtype)
        if self.time_embed_act is not None:
            embedding = self.time_embed_act(embedding)
        hidden = torch.cat([deep_features, self.conv_in(sample)], dim=1)
        hidden = self.resnet(hidden, embedding)
        if self.attention is not None:
            (hidden,) = self.attention(
                hidden, encoder_hidden_states=encoder_hidden_states, return_dict=False
            )
        if self.conv_norm_out is not None:
            hidden = self.conv_act(self.conv_norm_out(hidden))
        return (self.conv_out(hidden),)

    def _added_embedding(self, text_embeds: Tensor, time_ids: Tensor, dtype: torch.dtype) -> Tensor:
        times = self.add_time_proj(time_ids.flatten()).reshape(text_embeds.shape[0], -1)
        added: Tensor = self.add_embedding(torch.cat([text_embeds, times], dim=-1).to(dtype))
        return added
