"""`finish`: VAE decoder output to uint8 pixels at the size that training wants, in one pass.

Statistics of the output, which tell blank and failed images, come out of the same pass. The
operator is `zeroreal::finish(Tensor images, SymInt height, SymInt width) -> (Tensor, Tensor)`,
without a gradient. On CPU and CUDA the native libraries compute it; other devices, and machines
without the library, take `finish_reference`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._operators import INT, POINTER, SIZE, NativeKernel, define_operator

__all__ = ["finish", "finish_reference"]

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_CHANNELS = (1, 3, 4)
_MAX_SIZE = 65535
_STATISTICS = 4

_TOTALS = 3  # int64 words of workspace for a channel, `Counts` in kernels/src/finish.h

# images, dtype, shape and strides, pixels, height, width, statistics, totals
_kernel = NativeKernel("finish", (POINTER, INT, *(SIZE,) * 8, POINTER, SIZE, SIZE, *(POINTER,) * 2))


def finish(images: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Images of -1..1 as uint8 pixels of another size, antialiased, channels last; and statistics.

    Every value is mapped by x * 0.5 + 0.5 and clamped to 0..1, NaN to 0, before it is averaged. The
    filter is that of `F.interpolate(mode="bilinear", antialias=True)`; where the size stays, values
    are converted only. Rounding is half to even.

    The statistics are those of the mapped values at the images' own size, every value once: the
    minimum, maximum and mean (to 1e-5) of the finite ones, and the number of the others, which are
    infinite or NaN. An image of one colour has minimum and maximum equal in every channel. Where a
    channel has no finite value, they are 1, 0 and 0.

    Args:
        images: [B, C, H, W], float32, float16 or bfloat16; 1, 3 or 4 channels; any strides.
        height: rows of the result, 1 to 65535.
        width: columns of the result, 1 to 65535.

    Returns:
        Pixels, [B, height, width, C] uint8, contiguous, and statistics, [B, C, 4] float32, on the
        device of `images`.

    Raises:
        ValueError: for another rank, dtype, number of channels, or size.
        RuntimeError: where the GPU refuses the launch.
    """
    result: tuple[Tensor, Tensor] = torch.ops.zeroreal.finish.default(images, height, width)
    return result


def finish_reference(images: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The same as `finish` in plain PyTorch operations, on any device; see there."""
    pixels, statistics = _empty_outputs(images, height, width)
    if images.shape[0] == 0:
        return pixels, statistics
    values = images.float().mul(0.5).add(0.5).nan_to_num(0.0).clamp(0.0, 1.0)  # [B, C, H, W]
    _write_statistics(values, images.isfinite(), statistics)
    if values.shape[2:] != (height, width):
        values = F.interpolate(
            values, (height, width), mode="bilinear", align_corners=False, antialias=True
        )
    return pixels.copy_(values.mul(255.0).round().permute(0, 2, 3, 1)), statistics


def _write_statistics(values: Tensor, finite: Tensor, out: Tensor) -> None:
    """Fill `out` [B, C, 4] from values of 0..1 and what of them counts, both [B, C, H, W]."""
    sides = (2, 3)
    count = finite.sum(sides)
    out[..., 0] = values.where(finite, 1.0).amin(sides)
    out[..., 1] = values.where(finite, 0.0).amax(sides)
    out[..., 2] = values.where(finite, 0.0).sum(sides) / count.clamp(min=1)
    out[..., 3] = (~finite).sum(sides)


def _finish_native(images: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    pixels, statistics = _empty_outputs(images, height, width)
    totals = images.new_empty((*images.shape[:2], _TOTALS), dtype=torch.int64)
    inputs = (images, images.dtype, *images.shape, *images.stride())
    if _kernel(images.device, *inputs, pixels, height, width, statistics, totals):
        return pixels, statistics
    return finish_reference(images, height, width)


def _empty_outputs(images: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The outputs, not yet filled; the fake implementation too. Refuses what `finish` refuses."""
    if images.dim() != 4:
        raise ValueError(f"images must be [B, C, H, W], not of shape {tuple(images.shape)}")
    if images.dtype not in _DTYPES:
        raise ValueError(f"images must be float32, float16 or bfloat16, not {images.dtype}")
    batch, channels, in_height, in_width = images.shape
    if channels not in _CHANNELS:
        raise ValueError(f"images must have 1, 3 or 4 channels, not {channels}")
    for side in (in_height, in_width, height, width):
        if not 1 <= side <= _MAX_SIZE:
            sizes = f"{in_height}x{in_width} to {height}x{width}"
            raise ValueError(f"cannot resize {sizes}: sides must be 1 to {_MAX_SIZE}")
    pixels = images.new_empty((batch, height, width, channels), dtype=torch.uint8)
    return pixels, images.new_empty((batch, channels, _STATISTICS), dtype=torch.float32)


define_operator(
    "finish(Tensor images, SymInt height, SymInt width) -> (Tensor, Tensor)",
    native=_finish_native,
    reference=finish_reference,
    fake=_empty_outputs,
)
