"""Attention nodes in a network: which have no fused kernel, and what became of them.

TensorRT refuses to build an attention layer that it has no fused kernel for unless the layer is
marked decomposable (NvInfer.h, `IAttention::setDecomposable`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .library import tensorrt_library
from .report import AttentionLayer, Layer

_PRECISIONS = {"FLOAT": "fp32", "HALF": "fp16", "BF16": "bf16"}
_FUSED_PRECISIONS = ("fp16", "bf16")
# TensorRT developer guide. tensorrt_rtx 1.7 also pads sizes from 9 upwards to multiples of 8.
_FUSED_HEAD_SIZES = range(16, 257, 8)


def mark_attention(network: Any) -> tuple[AttentionLayer, ...]:
    """Mark the attention layers without a fused kernel as decomposable; returns all of them."""
    library = tensorrt_library()
    layers = []
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type == library.LayerType.ATTENTION_INPUT:
            layer.__class__ = library.IAttentionInputLayer  # it comes as a plain ILayer
            layers.append(_mark(layer.attention))
    return tuple(layers)


def _mark(attention: Any) -> AttentionLayer:
    query = attention.get_input(0)  # [B, heads, tokens, head size]
    _, heads, _, head_size = query.shape
    precision = _PRECISIONS.get(query.dtype.name, query.dtype.name.lower())
    reason = _why_not_fused(precision, head_size)
    attention.decomposable = bool(reason)
    return AttentionLayer(
        attention.name, heads, head_size, precision, bool(reason), fused=None, reason=reason
    )


def _why_not_fused(precision: str, head_size: int) -> str:
    if precision not in _FUSED_PRECISIONS:
        return f"{precision}, fused kernels are for fp16 and bf16"
    if head_size not in _FUSED_HEAD_SIZES:
        return f"head size {head_size}, fused kernels are for multiples of 8 from 16 to 256"
    return ""


def with_fusion(
    attention: Sequence[AttentionLayer], layers: Sequence[Layer]
) -> tuple[AttentionLayer, ...]:
    """`attention` with what became of it in `layers`: a fused kernel has `mha` in its name."""
    if not layers:
        return tuple(attention)
    fused = {node for layer in layers if "mha" in layer.name for node in layer.nodes}
    return tuple(
        replace(layer, fused=True, reason="")
        if layer.name in fused
        else replace(layer, fused=False, reason=layer.reason or "TensorRT chose several kernels")
        for layer in attention
    )
