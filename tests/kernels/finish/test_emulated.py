"""The CUDA kernels of `finish` on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from emulated_cuda import LOW_GRID, EmulatedLibrary, Emulation, barriers_removed
from torch import Tensor

from zeroreal.kernels import finish

DTYPES = [torch.float32, torch.float16, torch.bfloat16]


# (batch, channels, height, width) to (height, width)
SIZES = [
    ((2, 3, 33, 17), (7, 5)),
    ((1, 3, 96, 96), (32, 32)),
    ((2, 3, 32, 32), (32, 32)),
    ((2, 3, 8, 8), (20, 20)),
    ((2, 3, 1, 1), (3, 2)),
    ((1, 3, 64, 48), (1, 1)),
    ((1, 1, 28, 28), (32, 24)),
    ((2, 4, 31, 40), (31, 16)),
]


@pytest.fixture(scope="module")
def library(emulation: Emulation) -> EmulatedLibrary:
    return emulation.library("finish.cu")


def exact(images: Tensor, size: tuple[int, int]) -> Tensor:
    """The definition, in float64: what is rounded to pixels, [B, h, w, C] of 0..255."""
    values = images.double().mul(0.5).add(0.5).nan_to_num(0.0).clamp(0.0, 1.0)
    values = F.interpolate(values, size, mode="bilinear", align_corners=False, antialias=True)
    return values.mul(255).permute(0, 2, 3, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_equals_the_definition_and_the_bits_of_the_cpu(
    library: EmulatedLibrary,
    shape: tuple[int, ...],
    size: tuple[int, int],
    dtype: torch.dtype,
    random_images: Callable[..., Any],
    assert_same_statistics: Callable[..., Any],
) -> None:
    images = random_images(shape, dtype)
    for layout in (torch.contiguous_format, torch.channels_last):
        with library.in_place():
            pixels, statistics = finish(images.contiguous(memory_format=layout), *size)
        assert (pixels - exact(images, size)).abs().max() <= 0.5 + 1e-4
        assert_same_statistics(statistics, images)
        on_cpu = finish(images, *size)
        assert torch.equal(pixels, on_cpu[0])
        assert torch.equal(statistics, on_cpu[1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_every_16_bit_value_is_read_right(library: EmulatedLibrary, dtype: torch.dtype) -> None:
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    images = bits.view(dtype).reshape(1, 1, 256, 256)
    with library.in_place():
        pixels, statistics = finish(images, 256, 256)
    on_cpu = finish(images, 256, 256)
    assert torch.equal(pixels, on_cpu[0])
    assert torch.equal(statistics, on_cpu[1])


@pytest.mark.parametrize("seed", range(1, 5))
def test_the_order_of_blocks_and_threads_changes_nothing(
    library: EmulatedLibrary, seed: int, random_images: Callable[..., Any]
) -> None:
    images = random_images((3, 3, 40, 36), torch.float16)[:, :, 3:, ::2]
    with library.in_place(seed):
        pixels, statistics = finish(images, 19, 23)
    on_cpu = finish(images, 19, 23)
    assert torch.equal(pixels, on_cpu[0])
    assert torch.equal(statistics, on_cpu[1])


def run_in_strides(library: EmulatedLibrary, images: Tensor) -> None:
    with library.in_place():
        pixels, statistics = finish(images, 17, 19)
    on_cpu = finish(images, 17, 19)
    assert torch.equal(pixels, on_cpu[0])
    assert torch.equal(statistics, on_cpu[1])


def test_more_images_than_a_grid_is_high_are_taken_in_strides(
    emulation: Emulation, random_images: Callable[..., Any]
) -> None:
    library = emulation.library("finish.cu", LOW_GRID)
    run_in_strides(library, random_images((5, 3, 11, 9), torch.float32))


@pytest.mark.parametrize("barrier", range(len(barriers_removed("finish.cu"))))
def test_a_barrier_that_is_taken_out_is_missed(
    emulation: Emulation, barrier: int, random_images: Callable[..., Any]
) -> None:
    library = emulation.library("finish.cu", LOW_GRID, barriers_removed("finish.cu")[barrier])
    with pytest.raises(RuntimeError, match=r"finish_kernel<T>, block .* shared memory|of block"):
        run_in_strides(library, random_images((5, 3, 11, 9), torch.float32))
