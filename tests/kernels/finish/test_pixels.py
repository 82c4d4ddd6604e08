"""`finish` against PyTorch's antialiased resize, and by hand."""

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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_equals_the_antialiased_resize_of_pytorch(
    shape: tuple[int, ...],
    size: tuple[int, int],
    dtype: torch.dtype,
    assert_same_pixels: Callable[..., Any],
    expected: Callable[..., Any],
    pixels_of: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    images = random_images(shape, dtype)
    assert_same_pixels(pixels_of(images, *size), expected(images, size))


@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_channels_last_gives_the_same_bytes(
    shape: tuple[int, ...], size: tuple[int, int], random_images: Callable[..., Any]
) -> None:
    images = random_images(shape, torch.bfloat16)
    last = images.contiguous(memory_format=torch.channels_last)
    for one, other in zip(finish(last, *size), finish(images, *size), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[:, :3],
        lambda x: x[1:, 1:, 3:, 2:],
        lambda x: x[:, ::2, ::3, ::2][:, :1],
        lambda x: x[:, :3].transpose(2, 3),
        lambda x: x[:1, :3].expand(5, 3, -1, -1),
        lambda x: x[:, :1].expand(-1, 3, -1, -1),
    ],
    ids=["sliced", "offset", "stepped", "transposed", "one-image", "one-channel"],
)
def test_strides_are_followed(
    view: Callable[[Tensor], Tensor],
    assert_same_pixels: Callable[..., Any],
    expected: Callable[..., Any],
    pixels_of: Callable[..., Any],
    random_images: Callable[..., Any],
) -> None:
    images = view(random_images((3, 4, 40, 36), torch.float32))
    assert_same_pixels(pixels_of(images, 9, 13), expected(images, (9, 13)))


def test_weights_worked_out_by_hand() -> None:
    # Four columns to two: output 0 lies at input 1.0 between columns 0 and 1, and a triangle of
    # half-width 2 gives columns 0, 1, 2 the weights 6, 6, 2 of 14.
    only_third = torch.tensor([-1.0, -1.0, 1.0, -1.0]).reshape(1, 1, 1, 4)
    # 255 * 2/14 = 36.4; for output 1 the weights of columns 1, 2, 3 are 2, 6, 6: 255 * 6/14 = 109.3
    assert finish(only_third, 1, 2)[0].flatten().tolist() == [36, 109]
    assert finish(only_third.transpose(2, 3), 2, 1)[0].flatten().tolist() == [36, 109]


def test_values_are_mapped_clamped_and_rounded_half_to_even() -> None:
    values = [-1.0, 1.0, -7.0, 7.0, float("-inf"), float("inf"), float("nan"), 0.0]
    # 0.0 is 127.5, between 127 and the even 128; 1/255 is 128.0; 2/255 is 128.5, which goes down.
    values += [1 / 255, 2 / 255]
    images = torch.tensor(values).reshape(1, 1, 1, -1)
    wanted = [0, 255, 0, 255, 0, 255, 0, 128, 128, 128]
    assert finish(images, 1, len(values))[0].flatten().tolist() == wanted
    assert finish_reference(images, 1, len(values))[0].flatten().tolist() == wanted


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_every_16_bit_value_is_read_right(
    dtype: torch.dtype, expected: Callable[..., Any], pixels_of: Callable[..., Any]
) -> None:
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    images = bits.view(dtype).reshape(1, 1, 256, 256)
    assert torch.equal(pixels_of(images, 256, 256), expected(images, (256, 256)))


def test_nan_counts_as_zero_inside_an_average(pixels_of: Callable[..., Any]) -> None:
    images = torch.ones(1, 1, 2, 2)
    images[0, 0, 0, 0] = float("nan")
    assert pixels_of(images, 1, 1).item() == 191  # 255 * 3/4 = 191.25


def test_an_empty_batch_gives_an_empty_batch() -> None:
    for function in (finish, finish_reference):
        pixels, statistics = function(torch.zeros(0, 3, 8, 8), 4, 5)
        assert pixels.shape == (0, 4, 5, 3)
        assert statistics.shape == (0, 3, 4)


def test_threads_change_nothing(random_images: Callable[..., Any]) -> None:
    images = random_images((8, 3, 128, 128), torch.float32)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = finish(images, 32, 32)
        torch.set_num_threads(3)
        together = finish(images, 32, 32)
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one, other)
