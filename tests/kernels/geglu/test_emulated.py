"""The CUDA kernel of `geglu` on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from emulated_cuda import LOW_GRID, EmulatedLibrary, Emulation
from torch import Tensor

from zeroreal.kernels._geglu import _kernel, geglu

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
SIZES = [(5, 64), (1, 5120), (7, 2), (9, 38), (300, 16), (3, 2050)]


@pytest.fixture(scope="module")
def library(emulation: Emulation) -> EmulatedLibrary:
    return emulation.library("geglu.cu")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SIZES)
def test_is_no_further_from_the_definition_than_plain_operations(
    library: EmulatedLibrary,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    projected: Callable[..., Tensor],
    assert_no_worse: Callable[..., None],
) -> None:
    given = projected(shape, dtype)
    with library.in_place():
        out = geglu(given)
    assert_no_worse(out, given)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", ["projected", "out"])
def test_memory_at_any_address_is_read_and_written(
    library: EmulatedLibrary,
    place: str,
    dtype: torch.dtype,
    projected: Callable[..., Tensor],
    assert_no_worse: Callable[..., None],
) -> None:
    given = projected((3, 64), dtype)
    out = torch.full((1 + 3 * 32,), torch.nan, dtype=dtype)
    out = (out[1:] if place == "out" else out[:-1]).view(3, 32)
    if place == "projected":
        given = torch.empty(1 + given.numel(), dtype=dtype)[1:].view(3, 64).copy_(given)
    library.launch(_kernel, given, dtype, out, 3, 32)
    assert_no_worse(out, given)


def test_the_largest_gate_stays_and_the_smallest_closes(library: EmulatedLibrary) -> None:
    infinity = float("inf")
    gates = torch.tensor([1e4, 3e38, -1e4, -3e38, 0.0, infinity, -infinity])
    given = torch.stack([torch.ones_like(gates), gates], dim=1)
    wanted = torch.tensor([1e4, 3e38, 0.0, 0.0, 0.0, infinity, 0.0])
    with library.in_place():
        out = geglu(given)
    torch.testing.assert_close(out.squeeze(1), wanted, rtol=0, atol=1e-30)


def test_neither_batch_nor_order_changes_a_row(
    library: EmulatedLibrary, projected: Callable[..., Tensor]
) -> None:
    given = projected((40, 48), torch.bfloat16)
    with library.in_place():
        together = geglu(given)
    for seed in range(1, 4):
        with library.in_place(seed):
            assert torch.equal(geglu(given[3:6]), together[3:6])


def test_more_rows_than_a_grid_is_high_are_taken_in_strides(
    emulation: Emulation,
    projected: Callable[..., Tensor],
    assert_no_worse: Callable[..., None],
) -> None:
    for shape in ((5, 2064), (400, 36)):
        given = projected(shape, torch.float32)
        with emulation.library("geglu.cu", LOW_GRID).in_place():
            out = geglu(given)
        assert_no_worse(out, given)
