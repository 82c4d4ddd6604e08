"""Puts `zeroreal::memory_efficient_attention` into the attention layers of `diffusers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from ...base.errors import InputError
from ...kernels._attention import memory_efficient_attention

if TYPE_CHECKING:
    from diffusers.models.attention_processor import Attention

__all__ = ["MemoryEfficientAttnProcessor"]


class MemoryEfficientAttnProcessor:
    """A `diffusers` attention processor that computes with our operator.

    Gives what `diffusers.models.attention_processor.AttnProcessor2_0` does, for inference only.

    Args:
        backend: `auto` or one of `zeroreal.kernels.ATTENTION_BACKENDS`.
    """

    def __init__(self, backend: str = "auto") -> None:
        self.backend = backend

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Attend from `hidden_states`, [B, S, C] or [B, C, H, W], to itself or to [B, T, C']."""
        if attention_mask is not None:
            raise InputError(
                f"an attention mask of shape {tuple(attention_mask.shape)} was given: attention "
                "without a mask is what engines compute, leave it out"
            )
        residual = hidden_states
        if attn.spatial_norm is not None:
            hidden_states = attn.spatial_norm(hidden_states, temb)
        if hidden_states.ndim == 4:
            hidden_states = hidden_states.flatten(2).transpose(1, 2)  # [B, H * W, C]
        if attn.group_norm is not None:
            hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)

        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if encoder_hidden_states is not None and attn.norm_cross is not None:
            context = attn.norm_encoder_hidden_states(context)
        query = _per_head(attn.norm_q, attn.to_q(hidden_states), attn.heads)
        key = _per_head(attn.norm_k, attn.to_k(context), attn.heads)
        value = attn.to_v(context)
        attended = memory_efficient_attention(
            query, key, value, attn.heads, attn.scale, self.backend
        )

        out: Tensor = attn.to_out[1](attn.to_out[0](attended))  # projection, dropout
        if residual.ndim == 4:
            out = out.transpose(1, 2).reshape(residual.shape)
        if attn.residual_connection:
            out = out + residual
        if attn.rescale_output_factor != 1:
            out = out / attn.rescale_output_factor
        return out


def _per_head(norm: nn.Module | None, packed: Tensor, heads: int) -> Tensor:
    """`norm`, where there is one, over each head of [B, S, heads * D]."""
    if norm is None:
        return packed
    normed: Tensor = norm(packed.unflatten(2, (heads, -1))).flatten(2)
    return normed
