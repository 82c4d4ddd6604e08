"""The CUDA kernel of `philox_normal` on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulated_cuda import LOW_GRID, EmulatedLibrary, Emulation

from zeroreal.kernels._philox_normal import philox_normal, philox_normal_

SEEDS = torch.tensor([0, 1, -1, 2**63 - 1, -(2**63), 0x0123456789ABCDEF])


@pytest.fixture(scope="module")
def library(emulation: Emulation) -> EmulatedLibrary:
    return emulation.library("philox_normal.cu")


@pytest.mark.parametrize("draw", [0, 2**32 - 1])
@pytest.mark.parametrize("shape", [(1,), (2,), (4,), (3, 5, 7), (4, 16, 17), (4, 40, 40)])
def test_equals_the_definition_and_the_bits_of_the_cpu(
    library: EmulatedLibrary,
    shape: tuple[int, ...],
    draw: int,
    expected: Callable[..., Any],
    assert_close: Callable[..., Any],
) -> None:
    with library.in_place():
        noise = philox_normal(SEEDS, shape, draw)
    assert torch.equal(noise, philox_normal(SEEDS, shape, draw))
    wanted = [expected(seed, noise[0].numel(), draw) for seed in SEEDS.tolist()]
    assert_close(noise.flatten(1), torch.stack(wanted))


@pytest.mark.parametrize("seed", range(1, 5))
def test_the_order_of_blocks_and_threads_changes_nothing(
    library: EmulatedLibrary, seed: int
) -> None:
    with library.in_place(seed):
        noise = philox_normal(SEEDS, (4, 21, 22))
    assert torch.equal(noise, philox_normal(SEEDS, (4, 21, 22)))


@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_a_buffer_at_any_address_is_filled_and_nothing_beside_it(
    library: EmulatedLibrary, shift: int
) -> None:
    buffer = torch.zeros(6 * 20 + 8)
    out = buffer[shift : shift + 6 * 20].view(6, 20)
    with library.in_place():
        philox_normal_(out, SEEDS, 7)
    assert torch.equal(out, philox_normal(SEEDS, (20,), 7))
    assert not buffer[:shift].any()
    assert not buffer[shift + 6 * 20 :].any()


def test_more_images_than_a_grid_is_high_are_filled_in_strides(emulation: Emulation) -> None:
    with emulation.library("philox_normal.cu", LOW_GRID).in_place():
        noise = philox_normal(SEEDS, (3, 5, 7))
    assert torch.equal(noise, philox_normal(SEEDS, (3, 5, 7)))


def test_a_grid_that_is_too_high_is_found(emulation: Emulation) -> None:
    high = ("launch.h", "kMaxGridY = 65535", "kMaxGridY = 65536")
    library = emulation.library("philox_normal.cu", high)
    with library.in_place(), pytest.raises(RuntimeError, match="y is 65536, not 1 to 65535"):
        philox_normal(torch.arange(65536), (1,))


def test_rows_that_are_not_aligned_are_found(emulation: Emulation) -> None:
    careless = ("four.h", "size % 4 == 0 && ", "")
    library = emulation.library("philox_normal.cu", careless)
    with library.in_place(), pytest.raises(RuntimeError, match=r"misaligned access at four.h:\d+"):
        philox_normal(SEEDS, (3, 5, 7))


def test_no_images_launch_nothing(library: EmulatedLibrary) -> None:
    with library.in_place():
        assert philox_normal(SEEDS[:0], (4, 3)).shape == (0, 4, 3)
        assert philox_normal(SEEDS, (0,)).shape == (6, 0)
