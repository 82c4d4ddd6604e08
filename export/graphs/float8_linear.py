"""Linear layers whose weights and inputs are 8-bit floats (e4m3), each with one scale.

    y = s_x s_w q(x / s_x) q(w / s_w)^T + b

`q` rounds to e4m3, and takes what lies beyond its 448 for 448 (arXiv 2209.05433). Scales are powers
of two: dividing is exact in bf16, results are the same wherever they are computed, and floats have
so wide a range that a scale twice too large costs nothing. One scale for each row of weights was
no better (errors of 0.47 % both, on the embedded model).

Not by torchao: its API (0.18) has scales that are known beforehand among its prototypes only, with
global options of the compiler set along.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "E4M3",
    "HEADROOM",
    "LARGEST",
    "Float8Linear",
    "SimulatedFloat8Linear",
    "can_narrow",
    "narrowed",
    "scale_of",
]

E4M3 = torch.float8_e4m3fn
LARGEST = 448.0
HEADROOM = 2.0
"""How much larger than along the recorded trajectories inputs may at least be."""
_UNIT = 16  # that both sides of weights must be multiples of, for cuBLASLt
_SCALES = (2.0**-60, 2.0**60)  # with which nothing overflows in float32


class Float8Linear(nn.Module):
    """A linear layer in bf16 as one in e4m3, by `torch._scaled_mm`; for inference.

    Args:
        layer: what `can_narrow` holds for.
        largest: the largest magnitude of its inputs, above 0.
    """

    weight: Tensor
    scale: Tensor
    weight_scale: Tensor

    def __init__(self, layer: nn.Linear, largest: float) -> None:
        super().__init__()
        scale, weight_scale = _scales(layer, largest)
        self._inverse = 1 / scale
        self.bias = layer.bias
        self.register_buffer("weight", _rounded(layer.weight, 1 / weight_scale))
        device = layer.weight.device
        self.register_buffer("scale", torch.tensor(scale, device=device))
        self.register_buffer("weight_scale", torch.tensor(weight_scale, device=device))

    def forward(self, tokens: Tensor) -> Tensor:
        """Of bf16 `[..., in]`: bf16 `[..., out]`."""
        narrow = _rounded(tokens, self._inverse)
        # Fast accumulation, which Hopper has besides: what libraries take for inference.
        out: Tensor = torch._scaled_mm(
            narrow.flatten(0, -2),
            self.weight.t(),
            self.scale,
            self.weight_scale,
            bias=self.bias,
            out_dtype=tokens.dtype,
            use_fast_accum=True,
        )
        return out.view(*tokens.shape[:-1], -1)


class SimulatedFloat8Linear(nn.Module):
    """What `Float8Linear` gives, by rounding alone: bf16 holds every e4m3 value times its scale.

    For any device, and no faster than the layer that it is made of.
    """

    weight: Tensor

    def __init__(self, layer: nn.Linear, largest: float) -> None:
        super().__init__()
        self._scale, weight_scale = _scales(layer, largest)
        self.bias = layer.bias
        weight = _rounded(layer.weight, 1 / weight_scale).to(layer.weight.dtype) * weight_scale
        self.register_buffer("weight", weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Of bf16 `[..., in]`: bf16 `[..., out]`."""
        narrow = _rounded(tokens, 1 / self._scale).to(tokens.dtype) * self._scale
        return F.linear(narrow, self.weight, self.bias)


def can_narrow(layer: nn.Module, largest: float) -> bool:
    """Whether the layer, whose inputs are at most of magnitude `largest`, can be one in e4m3."""
    if type(layer) is not nn.Linear or layer.weight.dtype != torch.bfloat16:
        return False
    if layer.in_features % _UNIT or layer.out_features % _UNIT:
        return False
    magnitudes = (largest, _magnitude(layer))
    return all(m > 0 and math.isfinite(m) for m in magnitudes) and all(
        _SCALES[0] <= scale <= _SCALES[1] for scale in _scales(layer, largest)
    )


def narrowed(layer: nn.Linear, largest: float, simulated: bool) -> nn.Module:
    """The layer in e4m3."""
    return (SimulatedFloat8Linear if simulated else Float8Linear)(layer, largest)


def scale_of(largest: float) -> float:
    """The least power of two by which numbers of up to `largest` are divided to be at most 448."""
    fraction, exponent = math.frexp(largest / LARGEST)  # 0.5 <= fraction < 1
    return math.ldexp(1.0, exponent if fraction > 0.5 else exponent - 1)


def _scales(layer: nn.Linear, largest: float) -> tuple[float, float]:
    return scale_of(HEADROOM * largest), scale_of(_magnitude(layer))


def _magnitude(layer: nn.Linear) -> float:
    return float(layer.weight.abs().amax())


def _rounded(values: Tensor, inverse: float) -> Tensor:
    return (values * inverse).clamp(-LARGEST, LARGEST).to(E4M3)
