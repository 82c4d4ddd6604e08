"""How runtimes want a network in 8 bits: what ONNX Runtime's quantiser is told for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ELEMENTWISE = ("Add", "Mul", "Relu", "Clip", "Sigmoid")
_MOVING = ("Concat", "Split", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze")
_POOLING = ("MaxPool", "AveragePool", "GlobalAveragePool")
HEAVY = ("Conv", "Gemm", "MatMul")
"""The operators that 8 bits are for."""


@dataclass(frozen=True)
class Scheme:
    """What is in 8 bits, and how."""

    operators: tuple[str, ...]
    activations: str
    """A `QuantType`."""
    methods: tuple[str, ...] = ("MinMax", "Entropy", "Percentile")
    """How the range of an activation follows from its values (`onnxruntime.quantization`)."""
    reduce_range: bool = False
    """Whether weights have 7 of the bits."""
    least_channels: int = 1
    """Convolutions of fewer stay in floats."""
    options: Mapping[str, Any] = field(default_factory=dict)


CPU = Scheme(
    operators=(*HEAVY, *_ELEMENTWISE, *_POOLING, *_MOVING),
    activations="QUInt8",
    # Without VNNI, an x86 CPU saturates sums of 8-bit products in silence.
    reduce_range=True,
    # Those of pixels take twice as long in 8 bits: three channels leave most lanes idle.
    least_channels=4,
    options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},  # logits keep their resolution
)
"""ONNX Runtime on a CPU: as much as can be, so that few kernels convert."""

PLANS = Scheme(
    operators=(*HEAVY, "Add"),
    activations="QInt8",
    options={
        # TensorRT's zero is 0, and its biases are in floats; it finds itself what stays in 8 bits
        # between two operators whose operands are.
        "ActivationSymmetric": True,
        "QuantizeBias": False,
        "DedicatedQDQPair": True,
        "OpTypesToExcludeOutputQuantization": [*HEAVY, "Add"],
    },
)
"""TensorRT."""
