"""Puts `zeroreal::geglu` and `zeroreal::add_layer_norm` into the transformers of `diffusers`.

For the torch engine on GPUs without compiling: Inductor fuses such operations itself.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ...kernels._add_layer_norm import add_layer_norm
from ...kernels._geglu import geglu

if TYPE_CHECKING:
    from diffusers.models.activations import GEGLU

__all__ = ["FusedBlocks", "fuse_transformers"]


class FusedBlocks(nn.Module):
    """The blocks of a transformer; each residual is added along with the norm that follows it.

    Args:
        blocks: what is run one after another, of the plain kind; their layers are shared.
    """

    def __init__(self, blocks: nn.ModuleList) -> None:
        super().__init__()
        self.blocks = blocks

    def forward(
        self, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **_: Any
    ) -> Tensor:
        """Of tokens `[B, S, C]`; `BasicTransformerBlock.forward`, without masks."""
        tokens, context = hidden_states, encoder_hidden_states
        pending: Tensor | None = None  # to be added to the tokens
        block: Any
        for block in self.blocks:
            tokens, normed = _add_and_norm(block.norm1, tokens, pending)
            pending = block.attn1(
                normed, encoder_hidden_states=context if block.only_cross_attention else None
            )
            if block.attn2 is not None:
                tokens, normed = _add_and_norm(block.norm2, tokens, pending)
                pending = block.attn2(normed, encoder_hidden_states=context)
            tokens, normed = _add_and_norm(block.norm3, tokens, pending)
            pending = block.ff(normed)
        assert pending is not None
        return tokens + pending


def fuse_transformers(model: nn.Module) -> nn.Module:
    """Replace the plain transformer blocks in `model`, and the gates of their feed-forward layers.

    Changes `model`, for inference only, and returns it. Transformers with a block that normalises
    otherwise, takes more than text into account or computes in chunks keep their blocks.
    """
    from diffusers.models.activations import GEGLU

    for layer in list(model.modules()):
        blocks = getattr(layer, "transformer_blocks", None)
        if isinstance(blocks, nn.ModuleList) and len(blocks) and all(map(_is_plain, blocks)):
            layer.transformer_blocks = nn.ModuleList([FusedBlocks(blocks)])
        elif isinstance(layer, GEGLU) and isinstance(layer.proj, nn.Linear):
            layer.forward = partial(_geglu, layer)
    return model


def _is_plain(block: Any) -> bool:
    """Whether the block is attention, attention if any and feed-forward, with layer norms."""
    from diffusers.models.attention import BasicTransformerBlock

    if type(block) is not BasicTransformerBlock or block.norm_type != "layer_norm":
        return False
    norms = [block.norm1, *([] if block.attn2 is None else [block.norm2]), block.norm3]
    whole = block._chunk_size is None and block.pos_embed is None
    return whole and not hasattr(block, "fuser") and all(map(_has_weights, norms))


def _has_weights(norm: nn.Module) -> bool:
    return type(norm) is nn.LayerNorm and norm.weight is not None and norm.bias is not None


def _add_and_norm(
    norm: nn.LayerNorm, tokens: Tensor, pending: Tensor | None
) -> tuple[Tensor, Tensor]:
    if pending is None:
        return tokens, norm(tokens)
    return add_layer_norm(pending, tokens, norm.weight, norm.bias, norm.eps)


def _geglu(layer: GEGLU, tokens: Tensor) -> Tensor:
    return geglu(layer.proj(tokens))
