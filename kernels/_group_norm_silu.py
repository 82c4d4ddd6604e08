"""`group_norm_silu`: group normalisation of channels-last images and what surrounds it, in one.

The operator is `zeroreal::group_norm_silu(Tensor images, Tensor weight, Tensor bias, int groups,
float eps, bool silu=True, Tensor? shift=None) -> Tensor`, without a gradient. On CPU and CUDA the
native libraries compute it; other devices, and machines without the library, take
`group_norm_silu_reference`.

Around the norm, the UNet's residual blocks add the time embedding, one value a channel, and apply
SiLU: as operations of their own, each reads and writes the whole tensor. The block's residual is
not added here: the sum is needed itself, later, so that an addition in place costs no more.

A GPU reads the images once where a group's values fit into the shared memory of a multiprocessor,
else twice: docs/kernels.md says which of Stable Diffusion's do.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._operators import FLOAT, INT, POINTER, SIZE, NativeKernel, define_operator

__all__ = ["group_norm_silu", "group_norm_silu_reference"]

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_MAX_CHANNELS = 6144  # their moments fill the 48 KiB that every GPU has of shared memory
_MAX_PARTS = 256  # of an image's moments on a GPU, as in kernels/src/group_norm_two_reads.h
AS_FITS, TWO_READS = 0, -1  # as in kernels/src/group_norm_silu.cu

# images, dtype, weight, bias, shift, out, batch, pixels, channels, groups, eps, silu, run (of the
# GPU's kernels), workspace (likewise)
_kernel = NativeKernel(
    "group_norm_silu",
    (POINTER, INT, *(POINTER,) * 4, *(SIZE,) * 4, FLOAT, INT, INT, POINTER),
)


def group_norm_silu(
    images: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    eps: float,
    silu: bool = True,
    shift: Tensor | None = None,
) -> Tensor:
    """SiLU of the group norm (arXiv 1803.08494) of `images + shift`, rounded once, at the end.

    Args:
        images: [B, C, H, W], float32, float16 or bfloat16; copied if it is not channels-last.
        weight: [C], the factor of each channel after the norm; dtype and device of `images`.
        bias: [C], added to each channel after the norm; likewise.
        groups: the number of groups that the channels are normalised in.
        eps: added to the variance.
        silu: whether to apply x * sigmoid(x) at the end.
        shift: [B, C], added to every pixel before the norm; likewise.

    Returns:
        [B, C, H, W] of the same dtype, channels-last.

    Raises:
        ValueError: for shapes, dtypes or groups that do not go together.
        RuntimeError: where the GPU refuses the launch.
    """
    result: Tensor = torch.ops.zeroreal.group_norm_silu.default(
        images, weight, bias, groups, eps, silu, shift
    )
    return result


def group_norm_silu_reference(
    images: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    eps: float,
    silu: bool = True,
    shift: Tensor | None = None,
) -> Tensor:
    """The same as `group_norm_silu` in plain PyTorch operations, on any device; see there."""
    out = _empty_output(images, weight, bias, groups, eps, silu, shift)
    if out.numel() == 0:
        return out
    values = images.float()
    if shift is not None:
        values = values + shift.float()[:, :, None, None]
    values = F.group_norm(values, groups, weight.float(), bias.float(), eps)
    return out.copy_(F.silu(values) if silu else values)


def group_norm_silu_native(
    images: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    eps: float,
    silu: bool = True,
    shift: Tensor | None = None,
    run: int = AS_FITS,
) -> Tensor:
    """By the native library, or the reference where there is none; see `group_norm_silu`.

    `run` is for benchmarks on a GPU: the number of neighbouring groups that a block reads once, in
    place of what the kernel would choose, or `TWO_READS`. It is a `RuntimeError` where so many do
    not fit into shared memory, or no native library computes.
    """
    out = _empty_output(images, weight, bias, groups, eps, silu, shift)
    if out.numel() == 0:
        return out
    batch, channels, height, width = images.shape
    sizes = (batch, height * width, channels, groups)
    last = images.contiguous(memory_format=torch.channels_last)
    scale, offset = weight.contiguous(), bias.contiguous()
    added = None if shift is None else shift.contiguous()
    workspace = None
    if images.is_cuda:  # moments of every group of every part, then of every image, if read twice
        workspace = images.new_empty((_MAX_PARTS + 1, batch, groups, 2), dtype=torch.float32)
    tensors = (last, last.dtype, scale, offset, added, out)
    if _kernel(images.device, *tensors, *sizes, eps, silu, run, workspace):
        return out
    if run != AS_FITS:
        raise RuntimeError(f"no native library normalises on {images.device}: run must be 0")
    return group_norm_silu_reference(images, weight, bias, groups, eps, silu, shift)


def _empty_output(
    images: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    eps: float,
    silu: bool = True,
    shift: Tensor | None = None,
) -> Tensor:
    """The output, not yet filled; the fake implementation too. Refuses what cannot be computed."""
    if images.dim() != 4:
        raise ValueError(f"images must be [B, C, H, W], not of shape {tuple(images.shape)}")
    if images.dtype not in _DTYPES:
        raise ValueError(f"images must be float32, float16 or bfloat16, not {images.dtype}")
    batch, channels, _, _ = images.shape
    if not 1 <= channels <= _MAX_CHANNELS:
        raise ValueError(f"images must have 1 to {_MAX_CHANNELS} channels, not {channels}")
    if groups < 1 or channels % groups:
        raise ValueError(f"{channels} channels cannot be normalised in {groups} groups of one size")
    given: list[tuple[str, Tensor, tuple[int, ...]]]
    given = [("weight", weight, (channels,)), ("bias", bias, (channels,))]
    if shift is not None:
        given.append(("shift", shift, (batch, channels)))
    for name, tensor, shape in given:
        if tensor.shape != shape or tensor.dtype != images.dtype or tensor.device != images.device:
            raise ValueError(
                f"{name} must be of shape {shape}, {images.dtype} on {images.device} as images "
                f"are, not of shape {tuple(tensor.shape)}, {tensor.dtype} on {tensor.device}"
            )
    return torch.empty_like(images, memory_format=torch.channels_last)


define_operator(
    "group_norm_silu(Tensor images, Tensor weight, Tensor bias, int groups, float eps, "
    "bool silu=True, Tensor? shift=None) -> Tensor",
    native=group_norm_silu_native,
    reference=group_norm_silu_reference,
    fake=_empty_output,
)
