"""Layers in 8-bit floats: their scales, and modules that compute as such layers do.

Format and scales are those of `graphs/float8_linear`. There is one scale for each tensor: with one
for each channel of weights, which was no nearer, TensorRT writes what a convolution gives in
float32 and scales it in a pass of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from ..graphs.float8_linear import E4M3, LARGEST, scale_of

FORMAT = 1
"""Of how layers are chosen: with another, exports kept in a cache are made again."""
WIDE = "fp16"
"""The precision of what is not in 8 bits."""
# Scale and reciprocal are normal numbers of float16, in which TensorRT multiplies by the latter.
_LEAST, _MOST = 2.0**-14, 2.0**14


@dataclass(frozen=True)
class Scales:
    """What a layer's operands are divided by before they are rounded to 8 bits."""

    activations: float
    weights: float


def scale_for(largest: float) -> float:
    """The least such power of two that brings values of at most `largest` into the format."""
    return min(max(scale_of(largest), _LEAST), _MOST)


def rounded(values: Tensor, scale: float) -> Tensor:
    """`values` as they are after 8 bits, in their own dtype; saturating, as ONNX has it."""
    limited = (values / scale).clamp(-LARGEST, LARGEST)
    return limited.to(E4M3).to(values.dtype) * scale


@contextmanager
def in_fp8(module: nn.Module, scales: Mapping[str, Scales]) -> Iterator[None]:
    """The layers of `module` named in `scales` take 8-bit operands, and sum in their own dtype."""
    layers = {name: module.get_submodule(name) for name in scales}
    try:
        for name, layer in layers.items():
            layer.forward = _forward(layer, scales[name])
        yield
    finally:
        for layer in layers.values():
            del layer.forward  # the class has its own


def _forward(layer: nn.Module, scales: Scales) -> Callable[[Tensor], Tensor]:
    assert isinstance(layer, nn.Linear | nn.Conv2d)

    def forward(values: Tensor) -> Tensor:
        # The graph's weights are in float16 before they are in 8 bits.
        weight = rounded(layer.weight.half().to(values.dtype), scales.weights)
        narrow = rounded(values, scales.activations)
        if isinstance(layer, nn.Linear):
            return F.linear(narrow, weight, layer.bias)
        convolved: Tensor = layer._conv_forward(narrow, weight, layer.bias)
        return convolved

    return forward
