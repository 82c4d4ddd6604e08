"""The CUDA kernel of `add_layer_norm` on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulated_cuda import LOW_GRID, EmulatedLibrary, Emulation
from torch import Tensor

from zeroreal.kernels._add_layer_norm import _kernel, add_layer_norm

EPS = 1e-5
DTYPES = [torch.float32, torch.float16, torch.bfloat16]
SIZES = [(5, 64), (1, 1280), (7, 1), (9, 19), (20, 320), (3, 1284), (2, 12288)]


@pytest.fixture(scope="module")
def library(emulation: Emulation) -> EmulatedLibrary:
    return emulation.library("add_layer_norm.cu")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SIZES)
def test_is_no_further_from_the_definition_than_plain_operations(
    library: EmulatedLibrary,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., None],
) -> None:
    given = random_inputs(shape, dtype)
    with library.in_place():
        out = add_layer_norm(*given, EPS)
    assert_no_worse(out, given)


@pytest.mark.parametrize(("mean", "tolerance"), [(50.0, 1e-5), (3e4, 2e-3)])
def test_a_mean_far_from_zero_costs_no_precision(
    library: EmulatedLibrary,
    mean: float,
    tolerance: float,
    random_inputs: Callable[..., Any],
    expected: Callable[..., Tensor],
) -> None:
    given = random_inputs((5, 640), torch.float32, mean)
    with library.in_place():
        total, norm = add_layer_norm(*given, EPS)
    wanted = expected(total, *given[2:])
    torch.testing.assert_close(norm.double(), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", range(6))
def test_memory_at_any_address_is_read_and_written(
    library: EmulatedLibrary,
    place: int,
    dtype: torch.dtype,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., None],
) -> None:
    given = random_inputs((3, 64), dtype)
    tensors = [*given, *(torch.full((3, 64), torch.nan, dtype=dtype) for _ in range(2))]
    moved = tensors[place]
    moved = torch.empty(1 + moved.numel(), dtype=dtype)[1:].view(moved.shape).copy_(moved)
    tensors[place] = moved
    library.launch(_kernel, tensors[0], dtype, *tensors[1:], 3, 64, EPS)
    assert_no_worse((tensors[4], tensors[5]), given)


def test_neither_batch_nor_order_changes_a_row(
    library: EmulatedLibrary, random_inputs: Callable[..., Any]
) -> None:
    values, residual, *affine = random_inputs((20, 72), torch.bfloat16)
    with library.in_place():
        together = add_layer_norm(values, residual, *affine, EPS)
    for seed in range(1, 4):
        with library.in_place(seed):
            alone = add_layer_norm(values[3:6], residual[3:6], *affine, EPS)
        assert all(torch.equal(all_[3:6], some) for all_, some in zip(together, alone, strict=True))


def test_more_rows_than_a_grid_is_high_are_taken_in_strides(
    emulation: Emulation,
    random_inputs: Callable[..., Any],
    assert_no_worse: Callable[..., None],
) -> None:
    given = random_inputs((45, 24), torch.float32)
    with emulation.library("add_layer_norm.cu", LOW_GRID).in_place():
        out = add_layer_norm(*given, EPS)
    assert_no_worse(out, given)


def test_warps_that_kept_their_rows_in_one_place_are_caught(
    emulation: Emulation, random_inputs: Callable[..., Any]
) -> None:
    edit = ("add_layer_norm.cu", "(memory) + warp * vectors;", "(memory);")
    with (
        emulation.library("add_layer_norm.cu", edit).in_place(),
        pytest.raises(RuntimeError, match=r"add_and_normalise<T, N>.*dynamic shared memory"),
    ):
        add_layer_norm(*random_inputs((9, 24), torch.float32), EPS)
