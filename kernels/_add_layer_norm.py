"""`add_layer_norm`: a sum and its layer norm, as where a residual goes into a transformer's norm.

The operator is `zeroreal::add_layer_norm(Tensor values, Tensor residual, Tensor weight, Tensor
bias, float eps) -> (Tensor, Tensor)`, without a gradient. On CPU and CUDA the native libraries
compute it; other devices, and machines without the library, take `add_layer_norm_reference`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._operators import FLOAT, INT, POINTER, SIZE, NativeKernel, define_operator

__all__ = ["add_layer_norm", "add_layer_norm_reference"]

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_MAX_CHANNELS = 12288  # floats fill the 48 KiB that every GPU has of shared memory

# values, dtype, residual, weight, bias, sum, out, rows, channels, eps
_kernel = NativeKernel("add_layer_norm", (POINTER, INT, *(POINTER,) * 5, SIZE, SIZE, FLOAT))


def add_layer_norm(
    values: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """`values + residual`, rounded to the dtype, and the layer norm (arXiv 1607.06450) of that.

    Args:
        values: [..., C], float32, float16 or bfloat16; copied if it is not contiguous.
        residual: of the shape, dtype and device of `values`; likewise.
        weight: [C], the factor of each channel after the norm; dtype and device of `values`.
        bias: [C], added to each channel after the norm; likewise.
        eps: added to the variance.

    Returns:
        Sum and norm, [..., C] of the same dtype, contiguous.

    Raises:
        ValueError: for shapes or dtypes that do not go together.
        RuntimeError: where the GPU refuses the launch.
    """
    total, norm = torch.ops.zeroreal.add_layer_norm.default(values, residual, weight, bias, eps)
    return total, norm


def add_layer_norm_reference(
    values: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """The same as `add_layer_norm` in plain PyTorch operations, on any device; see there."""
    total, norm = _empty_outputs(values, residual, weight, bias, eps)
    total.copy_(values + residual)
    shape = (values.shape[-1],)
    return total, norm.copy_(F.layer_norm(total.float(), shape, weight.float(), bias.float(), eps))


def _add_layer_norm_native(
    values: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    total, norm = _empty_outputs(values, residual, weight, bias, eps)
    if total.numel() == 0:
        return total, norm
    channels = values.shape[-1]
    given = values.contiguous()
    others = (x.contiguous() for x in (residual, weight, bias))
    sizes = (values.numel() // channels, channels)
    if _kernel(values.device, given, given.dtype, *others, total, norm, *sizes, eps):
        return total, norm
    return add_layer_norm_reference(values, residual, weight, bias, eps)


def _empty_outputs(
    values: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """Sum and norm, not yet filled; the fake implementation too. Refuses what does not fit."""
    if values.dim() < 1 or not 1 <= values.shape[-1] <= _MAX_CHANNELS:
        raise ValueError(
            f"values must be [..., C] of 1 to {_MAX_CHANNELS} channels, not of shape "
            f"{tuple(values.shape)}"
        )
    if values.dtype not in _DTYPES:
        raise ValueError(f"values must be float32, float16 or bfloat16, not {values.dtype}")
    channels = (values.shape[-1],)
    for name, tensor, shape in (
        ("residual", residual, tuple(values.shape)),
        ("weight", weight, channels),
        ("bias", bias, channels),
    ):
        if tensor.shape != shape or tensor.dtype != values.dtype or tensor.device != values.device:
            raise ValueError(
                f"{name} must be of shape {shape}, {values.dtype} on {values.device} as values "
                f"are, not of shape {tuple(tensor.shape)}, {tensor.dtype} on {tensor.device}"
            )
    return values.new_empty(values.shape), values.new_empty(values.shape)


define_operator(
    "add_layer_norm(Tensor values, Tensor residual, Tensor weight, Tensor bias, float eps) "
    "-> (Tensor, Tensor)",
    native=_add_layer_norm_native,
    reference=add_layer_norm_reference,
    fake=_empty_outputs,
)
