"""`finish`: VAE decoder output to uint8 pixels at the size that training wants, in one pass.

The operator is `zeroreal::finish(Tensor images, SymInt height, SymInt width) -> Tensor`, without a
gradient. On CPU and CUDA the native libraries compute it; other devices, and machines without the
library, take `finish_reference`.
"""

from __future__ import annotations

import ctypes
import functools
import logging

import torch
import torch.nn.functional as F
from torch import Tensor

from ._native import native_library, native_library_status

__all__ = ["finish", "finish_reference"]

logger = logging.getLogger(__name__)

_DTYPES = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}  # as in kernels/src/finish.h
_CHANNELS = (1, 3, 4)
_MAX_SIZE = 65535

# The statuses of a GPU or driver that the CUDA library was not built for: InsufficientDriver,
# NoKernelImageForDevice, UnsupportedPtxVersion.
_UNSERVED = (35, 209, 222)


def finish(images: Tensor, height: int, width: int) -> Tensor:
    """Images of -1..1 as uint8 pixels of another size, antialiased, channels last.

    Every value is mapped by x * 0.5 + 0.5 and clamped to 0..1, NaN to 0, before it is averaged. The
    filter is that of `F.interpolate(mode="bilinear", antialias=True)`; where the size stays, values
    are converted only. Rounding is half to even.

    Args:
        images: [B, C, H, W], float32, float16 or bfloat16; 1, 3 or 4 channels; any strides.
        height: rows of the result, 1 to 65535.
        width: columns of the result, 1 to 65535.

    Returns:
        [B, height, width, C] uint8, contiguous, on the device of `images`.

    Raises:
        ValueError: for another rank, dtype, number of channels, or size.
        RuntimeError: where the GPU refuses the launch.
    """
    result: Tensor = torch.ops.zeroreal.finish.default(images, height, width)
    return result


def finish_reference(images: Tensor, height: int, width: int) -> Tensor:
    """The same as `finish` in plain PyTorch operations, on any device; see there."""
    out = _empty_output(images, height, width)
    if images.shape[0] == 0:
        return out
    pixels = images.float().mul(0.5).add(0.5).nan_to_num(0.0).clamp(0.0, 1.0)  # [B, C, H, W]
    if pixels.shape[2:] != (height, width):
        pixels = F.interpolate(
            pixels, (height, width), mode="bilinear", align_corners=False, antialias=True
        )
    return out.copy_(pixels.mul(255.0).round().permute(0, 2, 3, 1))


def _finish_cpu(images: Tensor, height: int, width: int) -> Tensor:
    library = _library("cpu")
    if library is None:
        return finish_reference(images, height, width)
    out = _empty_output(images, height, width)
    if library.zeroreal_finish_cpu(*_arguments(images, out), torch.get_num_threads()):
        raise MemoryError(f"no memory to finish images of shape {tuple(images.shape)}")
    return out


def _finish_cuda(images: Tensor, height: int, width: int) -> Tensor:
    library = _library("cuda")
    device = images.device.index
    if library is None or device in _unserved_gpus():
        return finish_reference(images, height, width)
    out = _empty_output(images, height, width)
    stream = torch.cuda.current_stream(device).cuda_stream
    status = library.zeroreal_finish_cuda(*_arguments(images, out), device, stream)
    if status == 0:
        return out
    message = library.zeroreal_cuda_error(status).decode()
    if status not in _UNSERVED:
        raise RuntimeError(f"the finish kernel was not launched on cuda:{device}: {message}")
    logger.warning("finish: PyTorch computes it on cuda:%d, not our kernel: %s", device, message)
    _unserved_gpus().add(device)
    return finish_reference(images, height, width)


def _empty_output(images: Tensor, height: int, width: int) -> Tensor:
    """The output, not yet filled; the fake implementation too. Refuses what `finish` refuses."""
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
    return images.new_empty((batch, height, width, channels), dtype=torch.uint8)


def _arguments(images: Tensor, out: Tensor) -> tuple[int, ...]:
    """The arguments that both native functions begin with."""
    return (
        images.data_ptr(),
        _DTYPES[images.dtype],
        *images.shape,
        *images.stride(),
        out.data_ptr(),
        out.shape[1],
        out.shape[2],
    )


@functools.cache
def _library(device: str) -> ctypes.CDLL | None:
    """The native library with its functions declared, or None, said once."""
    library = native_library(device)
    if library is None:
        reason = native_library_status()[device].reason
        logger.warning("finish: PyTorch computes it on %s, not our kernel: %s", device, reason)
        return None
    pointer, number = ctypes.c_void_p, ctypes.c_int
    sizes = (ctypes.c_int64,) * 8  # shape, then strides
    arguments = (pointer, number, *sizes, pointer, *sizes[:2])
    if device == "cpu":
        library.zeroreal_finish_cpu.argtypes = (*arguments, number)  # ..., threads
    else:
        library.zeroreal_finish_cuda.argtypes = (*arguments, number, pointer)  # ..., device, stream
        library.zeroreal_cuda_error.argtypes = (number,)
        library.zeroreal_cuda_error.restype = ctypes.c_char_p
    return library


@functools.cache
def _unserved_gpus() -> set[int]:
    """The GPUs, by index, that the CUDA library turned out to have no code for."""
    return set()


# Strides need no care from compilers: the kernels take any (`flexible_layout`).
_operators = torch.library.Library("zeroreal", "FRAGMENT")
_operators.define(
    "finish(Tensor images, SymInt height, SymInt width) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag, torch.Tag.flexible_layout),
)
_operators.impl("finish", _finish_cpu, "CPU")
_operators.impl("finish", _finish_cuda, "CUDA")
_operators.impl("finish", finish_reference, "CompositeExplicitAutograd")  # every other device
torch.library.register_fake("zeroreal::finish", _empty_output, lib=_operators)
