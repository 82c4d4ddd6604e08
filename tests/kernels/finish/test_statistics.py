"""The statistics that `finish` counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zeroreal.kernels import finish, finish_reference

DTYPES = [torch.float32, torch.float16, torch.bfloat16]


# (batch, channels, height, width) to (height, width)
SIZES = [
    ((2, 3, 33, 17), (7, 5)),
    ((1, 3, 512, 512), (32, 32)),
    ((4, 3, 32, 32), (32, 32)),
    ((3, 3, 8, 8), (20, 20)),
    ((2, 3, 1, 1), (1, 1)),
    ((2, 3, 1, 1), (3, 2)),
    ((2, 3, 64, 48), (1, 1)),
    ((2, 1, 28, 28), (32, 24)),
    ((2, 4, 31, 64), (31, 16)),
    ((2, 3, 64, 31), (16, 31)),
]


@pytest.mark.parametrize("function", [finish, finish_reference])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_statistics_count_every_value_once(
    shape: tuple[int, ...],
    size: tuple[int, int],
    dtype: torch.dtype,
    function: Callable[..., tuple[Tensor, Tensor]],
    assert_same_statistics: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    images = random_images(shape, dtype)
    for x in (images, images.contiguous(memory_format=torch.channels_last), images[:1]):
        assert_same_statistics(function(x, *size)[1], x)


@pytest.mark.parametrize("function", [finish, finish_reference])
def test_statistics_leave_out_what_is_not_finite(
    function: Callable[..., tuple[Tensor, Tensor]],
) -> None:
    images = torch.full((2, 3, 2, 2), 0.5)
    images[0, 0, 0] = torch.tensor([float("nan"), float("inf")])
    images[0, 1] = float("-inf")
    images[1, 2, 1, 1] = 7.0
    wanted = [
        [[0.75, 0.75, 0.75, 2.0], [1.0, 0.0, 0.0, 4.0], [0.75, 0.75, 0.75, 0.0]],
        [[0.75, 0.75, 0.75, 0.0], [0.75, 0.75, 0.75, 0.0], [0.75, 1.0, 0.8125, 0.0]],
    ]
    assert function(images, 1, 3)[1].tolist() == wanted


@pytest.mark.parametrize("function", [finish, finish_reference])
def test_an_image_of_one_colour_has_equal_minimum_and_maximum_in_every_channel(
    function: Callable[..., tuple[Tensor, Tensor]],
) -> None:
    images = torch.tensor([0.2, -0.7, 0.9]).reshape(1, 3, 1, 1).expand(2, 3, 9, 5).clone()
    images[1, 1, 4, 2] = 0.1
    minimum, maximum, _, _ = function(images, 4, 4)[1].unbind(2)
    assert (minimum == maximum).tolist() == [[True, True, True], [True, False, True]]
