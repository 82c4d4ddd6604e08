"""What `augment` takes, and complaints about the rest."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

AUGMENT_COLUMNS = 23
"""Parameters of an image."""

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_PADDINGS = ("edge", "reflect")
_MAX_SIZE = 32767


def check_augment(
    out: Tensor,
    images: Tensor,
    index: Tensor,
    parameters: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    padding: str,
) -> None:
    """Refuse what `augment` refuses from shapes alone; the fake implementation too."""
    channels = images.shape[-1] if images.dim() == 4 else 0
    if images.dtype != torch.uint8 or channels not in (1, 3) or not images.is_contiguous():
        raise ValueError(f"images must be contiguous uint8 [N, H, W, 1 or 3], not {_kind(images)}")
    if out.dtype not in _DTYPES or out.dim() != 4 or not _is_channels_last(out):
        raise ValueError(
            f"out must be channels-last float32, float16 or bfloat16 [B, C, h, w], not {_kind(out)}"
        )
    batch = out.shape[0]
    if out.shape[1] != channels or len(mean) != channels or len(std) != channels:
        raise ValueError(
            f"out, mean and std must have the {channels} channels of the images, not "
            f"{out.shape[1]}, {len(mean)} and {len(std)}"
        )
    if index.dtype != torch.int64 or index.shape != (batch,) or not index.is_contiguous():
        raise ValueError(f"index must be contiguous int64 [{batch}], not {_kind(index)}")
    shape = (batch, AUGMENT_COLUMNS)
    if (
        parameters.dtype != torch.float32
        or parameters.shape != shape
        or not (parameters.is_contiguous())
    ):
        raise ValueError(
            f"parameters must be contiguous float32 {list(shape)}, not {_kind(parameters)}"
        )
    devices = (images.device, index.device, parameters.device)
    if any(device != out.device for device in devices):
        raise ValueError(
            "images, index and parameters must be where out is, "
            f"{out.device}, not on {', '.join(map(str, devices))}"
        )
    for side in (*images.shape[1:3], *out.shape[2:]):
        if not 1 <= side <= _MAX_SIZE:
            raise ValueError(f"sides must be 1 to {_MAX_SIZE}, not {side}")
    if padding not in _PADDINGS:
        raise ValueError(f"padding must be {' or '.join(_PADDINGS)}, not {padding!r}")


def check_index(index: Tensor, count: int) -> None:
    """Refuse an index outside the images, on the CPU; on CUDA looking would be waiting."""
    if index.device.type != "cpu" or len(index) == 0:
        return
    low, high = (int(end) for end in index.aminmax())
    if low < 0 or high >= count:
        raise IndexError(f"index must be 0 to {count - 1}, not {low} to {high}")


def _is_channels_last(out: Tensor) -> bool:
    return out.permute(0, 2, 3, 1).is_contiguous()


def _kind(tensor: Tensor) -> str:
    """Dtype, shape and strides, for complaints."""
    strides = "" if tensor.is_contiguous() else f" of strides {tensor.stride()}"
    return f"{tensor.dtype} {list(tensor.shape)}{strides}"
