"""The CUDA kernels of `group_norm_silu` on the CPU, images read once and twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulated_cuda import FLOAT32_ONLY, LOW_GRID, EmulatedLibrary, Emulation, barriers_removed
from torch import Tensor

from zeroreal.kernels._group_norm_silu import AS_FITS, TWO_READS

Run = Callable[..., Tensor]
DTYPES = [torch.float32, torch.float16, torch.bfloat16]
BOTH_WAYS = pytest.mark.parametrize("way", [AS_FITS, TWO_READS], ids=["one-read", "two-reads"])

# [B, C, H, W] and the number of groups; all but the last are read once
SIZES = [
    ((3, 64, 8, 8), 16),
    ((2, 33, 33, 8), 11),  # an odd number of channels, and pixels that threads do not divide
    ((9, 6, 3, 1), 3),
    ((2, 30, 7, 5), 1),
    ((2, 5, 1, 1), 1),
    ((2, 24, 5, 3), 24),
    ((1, 320, 5, 7), 32),  # groups begin inside what threads load
    ((1, 2560, 2, 3), 32),
    ((1, 320, 33, 10), 1),
]


@BOTH_WAYS
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "groups"), SIZES)
def test_is_no_further_from_the_definition_than_plain_operations(
    library: EmulatedLibrary,
    shape: tuple[int, ...],
    groups: int,
    dtype: torch.dtype,
    way: int,
    run_emulated: Run,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., Any],
) -> None:
    images, weight, bias, shift = random_inputs(shape, dtype)
    for silu, added in ((True, shift), (False, None)):
        arguments = (images, weight, bias, groups, 1e-5, silu, added)
        assert_no_worse(run_emulated(library, *arguments, run=way), *arguments)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 6143, 2, 1), (1, 6144, 1, 2)])
def test_channels_whose_moments_fill_the_shared_memory(
    library: EmulatedLibrary,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    run_emulated: Run,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
    assert_near: Callable[..., Any],
) -> None:
    images, weight, bias, shift = random_inputs(shape, dtype)
    arguments = (images, weight, bias, 1, 1e-5, True, shift)
    out = run_emulated(library, *arguments, run=TWO_READS)
    assert_near(out, expected(*arguments), dtype)


@BOTH_WAYS
@pytest.mark.parametrize(("mean", "tolerance"), [(50.0, 1e-5), (3e4, 2e-3)])
def test_a_mean_far_from_zero_costs_no_precision(
    library: EmulatedLibrary,
    mean: float,
    tolerance: float,
    way: int,
    run_emulated: Run,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Any],
) -> None:
    images, weight, bias, _ = random_inputs((2, 16, 24, 20), torch.float32, mean)
    arguments = (images, weight, bias, 4, 1e-5)
    out, wanted = run_emulated(library, *arguments, run=way).double(), expected(*arguments)
    torch.testing.assert_close(out, wanted, rtol=tolerance, atol=tolerance)


@BOTH_WAYS
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", ["images", "out"])
def test_images_at_any_address_are_read_and_written(
    library: EmulatedLibrary,
    place: str,
    dtype: torch.dtype,
    way: int,
    run_emulated: Run,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., Any],
) -> None:
    images, weight, bias, _ = random_inputs((2, 64, 3, 3), dtype)
    nhwc = torch.full((images.numel() + 1,), torch.nan, dtype=dtype)[1:].view(2, 3, 3, 64)
    unaligned = nhwc.permute(0, 3, 1, 2)
    arguments = (weight, bias, 16, 1e-5)
    if place == "images":
        out = run_emulated(library, unaligned.copy_(images), *arguments, run=way)
    else:
        out = run_emulated(library, images, *arguments, out=unaligned, run=way)
    assert_no_worse(out, images, *arguments)


@BOTH_WAYS
def test_silu_of_the_largest_and_smallest_is_itself_and_nothing(
    library: EmulatedLibrary, way: int, run_emulated: Run
) -> None:
    bias = torch.tensor([1e4, 3e38, -1e4, -3e38, 0.0, float("inf"), -87.5, -88.0])
    images = torch.randn(1, 8, 2, 2).contiguous(memory_format=torch.channels_last)
    out = run_emulated(library, images, torch.zeros(8), bias, 1, 1e-5, run=way)
    wanted = torch.tensor([1e4, 3e38, 0.0, 0.0, 0.0, float("inf"), 0.0, 0.0])
    torch.testing.assert_close(out[0, :, 0, 0], wanted, rtol=0, atol=1e-30)


@BOTH_WAYS
def test_nan_stays_in_its_image_and_group(
    library: EmulatedLibrary, way: int, run_emulated: Run, random_inputs: Callable[..., Any]
) -> None:
    images, weight, bias, _ = random_inputs((3, 8, 5, 5), torch.float32)
    images[1, 2, 3, 3] = float("nan")
    nan = run_emulated(library, images, weight, bias, 4, 1e-5, run=way).isnan()
    assert nan[1, 2:4].all()
    assert nan.sum() == 2 * 25


@BOTH_WAYS
def test_values_that_are_all_the_same_are_their_bias(
    library: EmulatedLibrary, way: int, run_emulated: Run
) -> None:
    images = torch.full((1, 12, 7, 9), 1e8).contiguous(memory_format=torch.channels_last)
    bias = torch.linspace(-1, 1, 12)
    out = run_emulated(library, images, torch.ones(12), bias, 3, 1e-5, silu=False, run=way)
    torch.testing.assert_close(out, bias[None, :, None, None].expand_as(out), rtol=0, atol=1e-3)


@BOTH_WAYS
@pytest.mark.parametrize("value", [3e7, 1e8 + 8, 7e8])
def test_a_variance_is_not_rounded_below_zero(
    library: EmulatedLibrary, value: float, way: int, run_emulated: Run
) -> None:
    images = torch.full((1, 12, 7, 9), value).contiguous(memory_format=torch.channels_last)
    affine = (torch.ones(12), torch.zeros(12), 3, 1e-12)
    assert run_emulated(library, images, *affine, run=way).isfinite().all()


@BOTH_WAYS
def test_neither_batch_nor_order_changes_an_image(
    library: EmulatedLibrary, way: int, run_emulated: Run, random_inputs: Callable[..., Any]
) -> None:
    images, weight, bias, shift = random_inputs((3, 64, 24, 24), torch.bfloat16)
    affine = (weight, bias, 16, 1e-5, True)
    together = run_emulated(library, images, *affine, shift, run=way)
    for seed in range(1, 4):
        alone = [
            run_emulated(library, image[None], *affine, added[None], run=way, seed=seed)
            for image, added in zip(images, shift, strict=True)
        ]
        assert torch.equal(torch.cat(alone), together)


def run_in_strides(
    run: Run, library: EmulatedLibrary, way: int, random_inputs: Callable[..., Any]
) -> tuple[Tensor, tuple[Any, ...]]:
    images, weight, bias, shift = random_inputs((5, 24, 9, 7), torch.float32)
    arguments = (images, weight, bias, 3, 1e-5, True, shift)
    return run(library, *arguments, run=way), arguments


@BOTH_WAYS
def test_more_images_than_a_grid_is_high_are_taken_in_strides(
    emulation: Emulation,
    way: int,
    run_emulated: Run,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., Any],
) -> None:
    library = emulation.library("group_norm_silu.cu", FLOAT32_ONLY, LOW_GRID)
    out, arguments = run_in_strides(run_emulated, library, way, random_inputs)
    assert_no_worse(out, *arguments)


def test_an_image_has_no_more_parts_than_the_workspace(
    emulation: Emulation,
    run_emulated: Run,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., Any],
) -> None:
    small_parts = ("group_norm_two_reads.h", "kPartElements = 16384", "kPartElements = 16")
    library = emulation.library("group_norm_silu.cu", FLOAT32_ONLY, small_parts)
    images, weight, bias, _ = random_inputs((2, 24, 19, 31), torch.float32)
    arguments = (images, weight, bias, 3, 1e-5)
    assert_no_worse(run_emulated(library, *arguments, run=TWO_READS), *arguments)


BARRIERS = [
    pytest.param(edit, way, kernel, id=f"{kernel}-{number}")
    for source, way, kernel in (
        ("group_norm_one_read.h", AS_FITS, "normalise_runs"),
        ("group_norm_two_reads.h", TWO_READS, "part_moments"),
    )
    for number, edit in enumerate(barriers_removed(source))
]


@pytest.mark.parametrize(("edit", "way", "kernel"), BARRIERS)
def test_a_barrier_that_is_taken_out_is_missed(
    emulation: Emulation,
    edit: tuple[str, str, str],
    way: int,
    kernel: str,
    run_emulated: Run,
    random_inputs: Callable[..., Any],
) -> None:
    library = emulation.library("group_norm_silu.cu", FLOAT32_ONLY, LOW_GRID, edit)
    with pytest.raises(RuntimeError, match=rf"{kernel}<T, N.*dynamic shared memory"):
        run_in_strides(run_emulated, library, way, random_inputs)
