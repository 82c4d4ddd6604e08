"""The CUDA kernels of `group_norm_silu` on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulated_cuda import LOW_GRID, EmulatedLibrary, Emulation, barriers_removed
from torch import Tensor

from zeroreal.kernels._group_norm_silu import _MAX_PARTS, _kernel

DTYPES = [torch.float32, torch.float16, torch.bfloat16]

# [B, C, H, W] and the number of groups
SIZES = [
    ((3, 64, 8, 8), 16),
    ((1, 320, 32, 32), 32),
    ((2, 33, 33, 32), 11),
    ((9, 6, 3, 1), 3),
    ((2, 30, 7, 5), 1),
    ((2, 5, 1, 1), 1),
    ((1, 2560, 2, 3), 32),
    ((1, 6143, 2, 1), 1),
    ((1, 6144, 1, 2), 32),  # whose moments fill the shared memory
]


@pytest.fixture(scope="module")
def library(emulation: Emulation) -> EmulatedLibrary:
    return emulation.library("group_norm_silu.cu")


def run(
    library: EmulatedLibrary,
    images: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    eps: float,
    silu: bool = True,
    shift: Tensor | None = None,
    out: Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """The operator as on CUDA, where it takes a workspace."""
    batch, channels, height, width = images.shape
    out = torch.full_like(images, torch.nan) if out is None else out
    workspace = torch.full((_MAX_PARTS + 1, batch, groups, 2), torch.nan)
    tensors = (images, images.dtype, weight, bias, shift, out)
    sizes = (batch, height * width, channels, groups)
    library.launch(_kernel, *tensors, *sizes, eps, silu, workspace, seed=seed)
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "groups"), SIZES)
def test_equals_the_definition(
    library: EmulatedLibrary,
    shape: tuple[int, ...],
    groups: int,
    dtype: torch.dtype,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_near: Callable[..., Any],
) -> None:
    images, weight, bias, shift = random_inputs(shape, dtype)
    for silu in (True, False):
        for added in (shift, None):
            arguments = (images, weight, bias, groups, 1e-5, silu, added)
            assert_near(run(library, *arguments), expected(*arguments), dtype)


@pytest.mark.parametrize(("mean", "tolerance"), [(50.0, 1e-5), (3e4, 2e-3)])
def test_a_mean_far_from_zero_costs_no_precision(
    library: EmulatedLibrary,
    mean: float,
    tolerance: float,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
) -> None:
    images, weight, bias, _ = random_inputs((2, 16, 24, 20), torch.float32, mean)
    arguments = (images, weight, bias, 4, 1e-5)
    out, wanted = run(library, *arguments).double(), expected(*arguments)
    torch.testing.assert_close(out, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", ["images", "out"])
def test_images_at_any_address_are_read_and_written(
    library: EmulatedLibrary,
    place: str,
    dtype: torch.dtype,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_near: Callable[..., Any],
) -> None:
    images, weight, bias, _ = random_inputs((2, 64, 3, 3), dtype)
    nhwc = torch.full((images.numel() + 1,), torch.nan, dtype=dtype)[1:].view(2, 3, 3, 64)
    unaligned = nhwc.permute(0, 3, 1, 2)
    arguments = (weight, bias, 16, 1e-5)
    if place == "images":
        out = run(library, unaligned.copy_(images), *arguments)
    else:
        out = run(library, images, *arguments, out=unaligned)
    assert_near(out, expected(images, *arguments), dtype)


def test_silu_of_the_largest_and_smallest_is_itself_and_nothing(library: EmulatedLibrary) -> None:
    bias = torch.tensor([1e4, 3e38, -1e4, -3e38, 0.0, float("inf"), -87.5, -88.0])
    images = torch.randn(1, 8, 2, 2).contiguous(memory_format=torch.channels_last)
    out = run(library, images, torch.zeros(8), bias, 1, 1e-5)
    wanted = torch.tensor([1e4, 3e38, 0.0, 0.0, 0.0, float("inf"), 0.0, 0.0])
    torch.testing.assert_close(out[0, :, 0, 0], wanted, rtol=0, atol=1e-30)


def test_neither_batch_nor_order_changes_an_image(
    library: EmulatedLibrary, random_inputs: Callable[..., Any]
) -> None:
    images, weight, bias, shift = random_inputs((3, 64, 24, 24), torch.bfloat16)
    together = run(library, images, weight, bias, 16, 1e-5, True, shift)
    for seed in range(1, 4):
        alone = [
            run(library, image[None], weight, bias, 16, 1e-5, True, added[None], seed=seed)
            for image, added in zip(images, shift, strict=True)
        ]
        assert torch.equal(torch.cat(alone), together)


def run_in_strides(
    library: EmulatedLibrary, random_inputs: Callable[..., Any], expected: Callable[..., Any]
) -> None:
    images, weight, bias, shift = random_inputs((5, 24, 9, 7), torch.float32)
    arguments = (images, weight, bias, 3, 1e-5, True, shift)
    wanted = expected(*arguments)
    torch.testing.assert_close(run(library, *arguments).double(), wanted, rtol=5e-6, atol=5e-6)


def test_more_images_than_a_grid_is_high_are_taken_in_strides(
    emulation: Emulation, random_inputs: Callable[..., Any], expected: Callable[..., Any]
) -> None:
    library = emulation.library("group_norm_silu.cu", LOW_GRID)
    run_in_strides(library, random_inputs, expected)


def test_an_image_has_no_more_parts_than_the_workspace(
    emulation: Emulation,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_near: Callable[..., Any],
) -> None:
    small_parts = ("group_norm_silu.cu", "kPartElements = 16384", "kPartElements = 16")
    library = emulation.library("group_norm_silu.cu", small_parts)
    images, weight, bias, _ = random_inputs((2, 24, 19, 31), torch.float32)
    arguments = (images, weight, bias, 3, 1e-5)
    assert_near(run(library, *arguments), expected(*arguments), torch.float32)


@pytest.mark.parametrize("barrier", range(len(barriers_removed("group_norm_silu.cu"))))
def test_a_barrier_that_is_taken_out_is_missed(
    emulation: Emulation,
    barrier: int,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
) -> None:
    edits = (LOW_GRID, barriers_removed("group_norm_silu.cu")[barrier])
    library = emulation.library("group_norm_silu.cu", *edits)
    with pytest.raises(RuntimeError, match=r"part_moments<T, N>.*dynamic shared memory"):
        run_in_strides(library, random_inputs, expected)
