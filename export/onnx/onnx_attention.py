"""`zeroreal::memory_efficient_attention` in ONNX: one `Attention` node of opset 23.

The node takes heads side by side in the last dimension as the operator does, so that no reshape or
transpose stands around it. ONNX Runtime and TensorRT both take this form, and TensorRT fuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import opset23 as op

from ...kernels import memory_efficient_attention  # noqa: F401  (registers the operator)

__all__ = ["TRANSLATIONS"]


def _attention(
    query: Any,
    key: Any,
    value: Any,
    heads: int,
    scale: float | None = None,
    backend: str = "auto",
) -> Any:
    """The backend chooses a PyTorch kernel and means nothing here."""
    # The outputs not taken are caches and scores; the exporter drops them.
    out, _, _, _ = op.Attention(
        query, key, value, q_num_heads=heads, kv_num_heads=heads, scale=scale
    )
    return out


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.zeroreal.memory_efficient_attention.default: _attention
}
"""For `torch.onnx.export(custom_translation_table=...)`."""
