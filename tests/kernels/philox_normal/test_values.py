"""`philox_normal` against plain Python's Philox and the normal distribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zeroreal.kernels._philox_normal import philox_normal, philox_normal_, philox_normal_reference

SEEDS = torch.tensor([0, 1, -1, 2**63 - 1, -(2**63), 0x0123456789ABCDEF])


@pytest.mark.parametrize("function", [philox_normal, philox_normal_reference])
@pytest.mark.parametrize("draw", [0, 1, 2**32 - 1])
def test_equals_the_definition(
    function: Callable[..., Tensor],
    draw: int,
    expected: Callable[..., Any],
    assert_close: Callable[..., Any],
) -> None:
    noise = function(SEEDS, (3, 5, 7), draw)
    assert noise.shape == (6, 3, 5, 7)
    assert noise.dtype == torch.float32
    for seed, image in zip(SEEDS.tolist(), noise, strict=True):
        wanted = expected(seed, 105, draw)
        assert_close(image.flatten(), wanted)
        assert (image.flatten() - wanted).abs().median() < 1e-7


def test_the_reference_agrees_over_many_numbers() -> None:
    shape = (4, 61, 67)
    difference = philox_normal(SEEDS, shape, 5) - philox_normal_reference(SEEDS, shape, 5)
    assert difference.abs().max() < 1e-6


def test_the_reference_takes_its_draw_from_a_tensor() -> None:
    noise = philox_normal_reference(SEEDS, (9,), torch.tensor([4]))
    assert torch.equal(noise, philox_normal_reference(SEEDS, (9,), 4))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 4095, 4097, 8195])
def test_a_number_depends_on_its_position_only(size: int) -> None:
    long = philox_normal(SEEDS, (9000,), 1)
    assert torch.equal(philox_normal(SEEDS, (size,), 1), long[:, :size])


def test_a_batch_gives_each_image_what_it_has_alone() -> None:
    together = philox_normal(SEEDS, (4, 8, 9), 2)
    for image, seed in zip(together, SEEDS, strict=True):
        assert torch.equal(philox_normal(seed[None], (4, 8, 9), 2)[0], image)
    assert torch.equal(philox_normal(SEEDS.flip(0), (4, 8, 9), 2), together.flip(0))
    every_other = torch.stack([SEEDS, SEEDS], dim=1).flatten()[::2]
    assert torch.equal(philox_normal(every_other, (4, 8, 9), 2), together)


def test_threads_change_nothing() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = philox_normal(SEEDS, (3, 64, 65))
        torch.set_num_threads(3)
        together = philox_normal(SEEDS, (3, 64, 65))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone, together)


def test_a_buffer_is_filled_in_place() -> None:
    buffer = torch.zeros(6 * 10 + 1)
    out = buffer[1:].view(6, 2, 5)  # not at a multiple of 16 bytes
    assert philox_normal_(out, SEEDS, 7).data_ptr() == out.data_ptr()
    assert torch.equal(out, philox_normal(SEEDS, (2, 5), 7))
    assert buffer[0] == 0


def test_no_images_give_an_empty_batch() -> None:
    for function in (philox_normal, philox_normal_reference):
        assert function(torch.empty(0, dtype=torch.int64), (4, 3)).shape == (0, 4, 3)


def test_numbers_are_normally_distributed() -> None:
    numbers = philox_normal(torch.arange(100, 164), (4096,)).flatten().double()
    count = len(numbers)
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3)):
        error = math.sqrt((math.prod(range(1, 2 * power, 2)) - moment**2) / count)
        assert abs((numbers**power).mean().item() - moment) < 4 * error
    stats = pytest.importorskip("scipy.stats", reason="scipy has the normal distribution")
    assert stats.kstest(numbers.numpy(), "norm").pvalue > 0.01
    beyond = 2 * stats.norm.sf(4) * count
    assert abs((numbers.abs() > 4).sum().item() - beyond) < 4 * math.sqrt(beyond)


def test_neighbours_seeds_and_draws_do_not_correlate() -> None:
    noise = torch.stack([philox_normal(torch.arange(16), (4096,), draw) for draw in range(2)])
    pairs = [
        (noise[0], noise[1]),
        (noise[:, 1:], noise[:, :-1]),
        *((noise[..., step:], noise[..., :-step]) for step in (1, 2, 3, 4)),
        *((noise[..., first::4], noise[..., second::4]) for first, second in ((0, 1), (2, 3))),
        (noise[..., 0::4] ** 2 - 1, noise[..., 1::4] ** 2 - 1),
    ]
    for one, other in pairs:
        products = (one * other).double()
        assert products.mean().abs() < 4 * products.std() / math.sqrt(products.numel())


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [(4, 64, 64), (3, 5, 7), (1,), (0,)])
def test_cuda_gives_the_same_bits_as_the_cpu(shape: tuple[int, ...]) -> None:
    noise = philox_normal(SEEDS.cuda(), shape, 3)
    assert torch.equal(noise.cpu(), philox_normal(SEEDS, shape, 3))
