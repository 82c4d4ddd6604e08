"""Layers in 8-bit floats: their scales, and modules that compute as such layers do.

The format is E4M3 (arXiv 2209.05433). Scales are powers of two, which every runtime applies without
rounding in any precision; a floating-point format loses nothing by it but range that it has to
spare. There is one for each tensor: with one for each channel of weights, TensorRT writes what a
convolution gives in float32 and scales it in a pass of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FORMAT = 1
"""Of how layers are chosen: with another, exports kept in a cache are made again."""
FP8 = "fp8"
"""The precision's name; what is not in 8 bits is in `WIDE`."""
WIDE = "fp16"
_DTYPE = torch.float8_e4m3fn
_LARGEST = torch.finfo(_DTYPE).max  # 448
# Scale and reciprocal are normal numbers of float16, in which TensorRT multiplies by the latter.
_LEAST_EXPONENT, _MOST_EXPONENT = -14, 14
HEADROOM = 2.0
"""How much larger than along the recorded trajectories activations may at least be."""


@dataclass(frozen=True)
class Scales:
    """What a layer's operands are divided by before they are rounded to 8 bits."""

    activations: float
    weights: float


def scale_for(largest: float) -> float:
    """The least power of two that brings values of at most `largest` into the format."""
    mantissa, exponent = math.frexp(largest / _LARGEST)
    exponent -= mantissa == 0.5
    return 2.0 ** min(max(exponent, _LEAST_EXPONENT), _MOST_EXPONENT)


def rounded(values: Tensor, scale: float) -> Tensor:
    """`values` as they are after 8 bits, in their own dtype; saturating, as ONNX has it."""
    limited = (values / scale).clamp(-_LARGEST, _LARGEST)
    return limited.to(_DTYPE).to(values.dtype) * scale


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


def _forward(layer: nn.Module, scales: Scales):  # type: ignore[no-untyped-def]
    assert isinstance(layer, nn.Linear | nn.Conv2d)

    def forward(values: Tensor) -> Tensor:
        # The graph's weights are in float16 before they are in 8 bits.
        weight = rounded(layer.weight.half().to(values.dtype), scales.weights)
        narrow = rounded(values, scales.activations)
        if isinstance(layer, nn.Linear):
            return F.linear(narrow, weight, layer.bias)
        return layer._conv_forward(narrow, weight, layer.bias)

    return forward
