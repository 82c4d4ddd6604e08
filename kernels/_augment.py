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

from ._augment_check import check_augment, check_index
from ._augment_reference import augment_reference
from ._operators import INT, POINTER, SIZE, NativeKernel, define_operator

__all__ = ["augment"]

_SOURCE = (POINTER, *(SIZE,) * 4, POINTER, POINTER, SIZE)  # images, shape, index, parameters, batch
_TARGET = (POINTER, INT, SIZE, SIZE)  # out, dtype, height, width
# Then statistics, whether to reflect, and where the GPU adds lumas up.
_kernel = NativeKernel("augment", (*_SOURCE, *_TARGET, POINTER, INT, POINTER))


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
        ValueError: for shapes, dtypes, devices, memory layouts or a padding other than these.
        IndexError: for an index outside the images, on the CPU. On CUDA, where to look
            would be to wait for the device, such an image becomes NaN.
        RuntimeError: where the GPU refuses the launch.
    """
    torch.ops.zeroreal.augment_.default(out, images, index, parameters, mean, std, padding)


def _augment_native(
    out: Tensor,
    images: Tensor,
    index: Tensor,
    parameters: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    padding: str,
) -> None:
    check_augment(out, images, index, parameters, mean, std, padding)
    check_index(index, len(images))
    source = (images, *images.shape, index, parameters, len(index))
    target = (out, out.dtype, *out.shape[2:])
    statistics, sums = torch.tensor([*mean, *std]), torch.empty_like(index)
    if not _kernel(out.device, *source, *target, statistics, padding == "reflect", sums):
        augment_reference(out, images, index, parameters, mean, std, padding)


define_operator(
    "augment_(Tensor(a!) out, Tensor images, Tensor index, Tensor parameters, float[] mean, "
    "float[] std, str padding) -> ()",
    native=_augment_native,
    reference=augment_reference,
    fake=check_augment,
)
