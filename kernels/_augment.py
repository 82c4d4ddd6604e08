"""`augment`: images of a uint8 pool to an augmented, normalised training batch, in one pass.

The operator is `zeroreal::augment_(Tensor(a!) out, Tensor images, Tensor index, Tensor parameters,
float[] mean, float[] std, str padding) -> ()`. What is done to an image stands in its row of
parameters, so that the operator itself is deterministic; `draw_augmentation` draws them.

Parameters, by column:

- 0 to 5, geometry: the 2x3 matrix A, row by row. The output pixel of column x and row y shows the
  source at A (x + 1/2, y + 1/2, 1), in source pixels from the upper left corner.
- 6 to 17, colour: the 3x4 matrix M, row by row. Colours of 0..1 become M (red, green, blue, 1).
- 18, pivot: the share of the sampled image's mean luma that is added to every channel then. What
  comes out is clamped to 0..1. One channel is the grey of three equal ones.
- 19 to 22, erase: top, left, bottom, right. Output pixels from the first two on and before the last
  two become 0, the mean colour.

Sampling is that of Pillow's `resize(box=..., resample=BILINEAR)` on an image that continues beyond
its borders: every source pixel weighs by a triangle around the position, whose half width along
each source axis is what an output pixel measures there, at least 1 and at most 32. So what shrinks
is antialiased, what grows is interpolated, and whole pixels are copied.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ._operators import INT, POINTER, SIZE, NativeKernel, define_operator

__all__ = ["AUGMENT_COLUMNS", "augment", "augment_reference"]

AUGMENT_COLUMNS = 23
"""Parameters of an image."""

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_PADDINGS = ("edge", "reflect")
_MAX_SIZE = 32767
_MAX_HALF_WIDTH = 32.0
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601

# images and shape, index, parameters, batch, out, dtype, height, width, statistics, reflect
_kernel = NativeKernel(
    "augment",
    (POINTER, *(SIZE,) * 4, POINTER, POINTER, SIZE, POINTER, INT, SIZE, SIZE, POINTER, INT),
)


def augment(
    out: Tensor,
    images: Tensor,
    index: Tensor,
    parameters: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    padding: str = "edge",
) -> None:
    """Fill `out` with images, each sampled, recoloured, erased and normalised by its parameters.

    A pixel that nothing changes becomes what torchvision's `to_dtype(scale=True)` and `normalize`
    make of it, to the bit, rounded to the dtype at the end.

    Args:
        out: [B, C, h, w], channels-last, float32, float16 or bfloat16; any h and w.
        images: [N, H, W, C] uint8, contiguous; 1 or 3 channels.
        index: [B] int64, contiguous: which images.
        parameters: [B, 23] float32, contiguous: the columns above.
        mean: the mean of each channel, of values of 0..1.
        std: the standard deviation of each channel, likewise.
        padding: how an image continues beyond its borders: `edge` repeats its last pixels,
            `reflect` mirrors it at them. Positions farther outside than a side stay there.

    Raises:
        ValueError: for shapes, dtypes, devices, memory layouts or a padding that are none of these.
        IndexError: for an index that is none of the images', on the CPU. On CUDA, where to look
            would be to wait for the device, such an image becomes NaN.
        RuntimeError: where the GPU refuses the launch.
    """
    torch.ops.zeroreal.augment_.default(out, images, index, parameters, mean, std, padding)


def augment_reference(
    out: Tensor,
    images: Tensor,
    index: Tensor,
    parameters: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    padding: str = "edge",
) -> None:
    """The same as `augment` in plain PyTorch operations, on any device; see there."""
    _check(out, images, index, parameters, mean, std, padding)
    _check_index(index, len(images))
    if len(index) == 0:
        return
    height, width = out.shape[2:]
    geometry = parameters[:, :6].view(-1, 2, 3)
    pixels = _sample(images, index, geometry, height, width, padding)
    pixels = _recolour(pixels, parameters[:, 6:18].view(-1, 3, 4), parameters[:, 18])
    means, stds = torch.tensor([mean, std], device=out.device)
    erased = _erased(parameters[:, 19:], height, width)
    pixels = ((pixels * (1 / 255) - means) / stds).masked_fill(erased, 0.0)
    out.copy_(pixels.permute(0, 3, 1, 2))


def _sample(
    images: Tensor, index: Tensor, geometry: Tensor, height: int, width: int, padding: str
) -> Tensor:
    """The images by their maps: float32 `[B, height, width, C]` of 0..255."""
    x = torch.arange(width, device=images.device) + 0.5
    y = torch.arange(height, device=images.device)[:, None] + 0.5
    row = geometry[..., None, None, :]  # [B, 2, 1, 1, 3]
    positions = row[..., 0] * x + row[..., 1] * y + row[..., 2]  # [B, 2, height, width]
    half_widths = geometry[..., :2].norm(dim=2).clamp(1.0, _MAX_HALF_WIDTH)  # [B, 2]
    columns = _taps(positions[:, 0], half_widths[:, 0], images.shape[2], padding)
    rows = _taps(positions[:, 1], half_widths[:, 1], images.shape[1], padding)
    total = torch.zeros((), device=images.device)
    for row_index, row_weight in rows:
        for column_index, column_weight in columns:
            values = images[index[:, None, None], row_index, column_index].float()
            total = total + (row_weight * column_weight)[..., None] * values
    return total


def _taps(
    positions: Tensor, half_widths: Tensor, size: int, padding: str
) -> list[tuple[Tensor, Tensor]]:
    """The source pixels along one axis, and their weights, both of the shape of `positions`."""
    positions = positions.clamp(-size, 2 * size)
    wide = half_widths[:, None, None]
    first = (positions - wide - 0.5).floor() + 1
    taps = [first + tap for tap in range(int((2 * half_widths.max()).ceil()))]
    weights = [(1 - (tap + 0.5 - positions).abs() / wide).clamp(min=0) for tap in taps]
    total = torch.stack(weights).sum(0)
    return [
        (_source_index(tap.long(), size, padding), weight / total)
        for tap, weight in zip(taps, weights, strict=True)
    ]


def _source_index(positions: Tensor, size: int, padding: str) -> Tensor:
    if padding == "reflect":
        positions = positions.abs()
        positions = torch.where(positions < size, positions, 2 * (size - 1) - positions).abs()
    return positions.clamp(0, size - 1)


def _recolour(pixels: Tensor, colour: Tensor, pivot: Tensor) -> Tensor:
    """The affine map of colours, of 0..255; one channel is the grey of three equal ones."""
    channels = pixels.shape[3]
    colours = pixels.expand(-1, -1, -1, 3)
    luma = (colours * torch.tensor(LUMA, device=pixels.device)).sum(3).mean((1, 2))
    offset = 255 * colour[:, :, 3] + (pivot * luma)[:, None]  # [B, 3]
    mapped = torch.einsum("bhwc,bdc->bhwd", colours, colour[:, :, :3]) + offset[:, None, None]
    return mapped[..., :channels].clamp(0, 255)


def _erased(box: Tensor, height: int, width: int) -> Tensor:
    """Which pixels are erased: bool `[B, height, width, 1]`."""
    x = torch.arange(width, device=box.device)[:, None]
    y = torch.arange(height, device=box.device)[:, None, None]
    top, left, bottom, right = box[:, :, None, None, None].unbind(1)
    return (y >= top) & (y < bottom) & (x >= left) & (x < right)


def _augment_native(
    out: Tensor,
    images: Tensor,
    index: Tensor,
    parameters: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    padding: str,
) -> None:
    _check(out, images, index, parameters, mean, std, padding)
    _check_index(index, len(images))
    source = (images, *images.shape, index, parameters, len(index))
    target = (out, out.dtype, *out.shape[2:])
    statistics = torch.tensor([*mean, *std])
    if not _kernel(out.device, *source, *target, statistics, padding == "reflect"):
        augment_reference(out, images, index, parameters, mean, std, padding)


def _check(
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


def _check_index(index: Tensor, count: int) -> None:
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


define_operator(
    "augment_(Tensor(a!) out, Tensor images, Tensor index, Tensor parameters, float[] mean, "
    "float[] std, str padding) -> ()",
    native=_augment_native,
    reference=augment_reference,
    fake=_check,
)
