"""Linear layers in float32 on the CPU by oneDNN.

PyTorch leaves them to MKL, which on AMD's CPUs reaches under half of what oneDNN does; bfloat16 and
convolutions go to oneDNN anyway. For the torch engine without compiling: Inductor takes the
operator for one whose weights it packed itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["use_onednn_linear"]


class OneDnnLinear(nn.Module):
    """The layer that it is made of, computed by the operator that Inductor generates calls of."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, tokens: Tensor) -> Tensor:
        """Of `[..., in]`: `[..., out]`."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(
            tokens, self.weight, self.bias, "none", [], ""
        )
        return out


def use_onednn_linear(model: nn.Module) -> nn.Module:
    """Replace the linear layers in float32 of `model`, for inference on the CPU, and return it.

    Where this build of PyTorch has no oneDNN, nothing is replaced.
    """
    if not torch.backends.mkldnn.is_available():
        return model
    for layer in list(model.modules()):
        for name, child in layer.named_children():
            if type(child) is nn.Linear and child.weight.dtype == torch.float32:
                setattr(layer, name, OneDnnLinear(child))
    return model
