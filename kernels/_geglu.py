"""`geglu`: values times the GELU of their gates, out of the one projection that holds both.

The operator is `zeroreal::geglu(Tensor projected) -> Tensor`, without a gradient. On CPU and CUDA
the native libraries compute it; other devices, and machines without the library, take
`geglu_reference`.

Feed-forward layers of transformer blocks (`GEGLU` of diffusers) make eight times the size of their
tokens in between, which GELU and product, as operations of their own, read and write again.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._operators import INT, POINTER, SIZE, NativeKernel, define_operator

__all__ = ["geglu", "geglu_reference"]

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)

# projected, dtype, out, rows, width
_kernel = NativeKernel("geglu", (POINTER, INT, POINTER, SIZE, SIZE))


def geglu(projected: Tensor) -> Tensor:
    """The first half of each row times the exact GELU of the second, rounded once, at the end.

    Args:
        projected: [..., 2 * H], float32, float16 or bfloat16; copied if it is not contiguous.

    Returns:
        [..., H] of the same dtype, contiguous (arXiv 2002.05202).

    Raises:
        ValueError: for a shape or dtype other than those.
        RuntimeError: where the GPU refuses the launch.
    """
    result: Tensor = torch.ops.zeroreal.geglu.default(projected)
    return result


def geglu_reference(projected: Tensor) -> Tensor:
    """The same as `geglu` in plain PyTorch operations, on any device; see there."""
    out = _empty_output(projected)
    value, gate = projected.float().chunk(2, dim=-1)
    return out.copy_(value * F.gelu(gate))


def _geglu_native(projected: Tensor) -> Tensor:
    out = _empty_output(projected)
    if out.numel() == 0:
        return out
    width = out.shape[-1]
    given = projected.contiguous()
    if _kernel(projected.device, given, given.dtype, out, out.numel() // width, width):
        return out
    return geglu_reference(projected)


def _empty_output(projected: Tensor) -> Tensor:
    """The output, not yet filled; the fake implementation too. Refuses what cannot be computed."""
    if projected.dim() < 1 or projected.shape[-1] % 2:
        raise ValueError(
            "projected must be [..., 2 * H], values and as many gates, not of shape "
            f"{tuple(projected.shape)}"
        )
    if projected.dtype not in _DTYPES:
        raise ValueError(f"projected must be float32, float16 or bfloat16, not {projected.dtype}")
    return projected.new_empty((*projected.shape[:-1], projected.shape[-1] // 2))


define_operator(
    "geglu(Tensor projected) -> Tensor",
    native=_geglu_native,
    reference=geglu_reference,
    fake=_empty_output,
)
