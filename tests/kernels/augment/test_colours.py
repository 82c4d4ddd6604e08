"""What `augment` makes of colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from zeroreal.kernels._augment import augment
from zeroreal.kernels._augment_reference import augment_reference

DTYPES = [torch.float32, torch.float16, torch.bfloat16]


MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


FUNCTIONS = pytest.mark.parametrize("function", [augment, augment_reference])


def random_images(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    size = (count, height, width, channels)
    return torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)


@FUNCTIONS
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(32, 32, 3), (17, 5, 3), (1, 1, 3), (28, 31, 1), (224, 224, 3)])
def test_unchanged_images_are_normalised_exactly(
    shape: tuple[int, int, int],
    dtype: torch.dtype,
    function: Callable[..., None],
    normalised: Callable[..., Any],
    run: Callable[..., Any],
    unchanged: Callable[..., Any],
) -> None:
    images = random_images(3, *shape)
    out = run(function, images, unchanged(3), shape[:2], dtype=dtype)
    assert torch.equal(out, normalised(images.permute(0, 3, 1, 2)).to(dtype))


@FUNCTIONS
def test_images_are_gathered_by_index(
    function: Callable[..., None],
    normalised: Callable[..., Any],
    run: Callable[..., Any],
    unchanged: Callable[..., Any],
) -> None:
    images = random_images(5, 4, 6)
    index = torch.tensor([3, 0, 3, 4])
    out = run(function, images, unchanged(4), (4, 6), index)
    assert torch.equal(out, normalised(images[index].permute(0, 3, 1, 2)))


@FUNCTIONS
def test_colours_change_as_by_torchvision(
    function: Callable[..., None],
    box: Callable[..., Any],
    run: Callable[..., Any],
    shades: Callable[..., Any],
) -> None:
    images = random_images(1, 12, 13) // 2 + 60  # nothing is clamped on the way
    brightness, contrast, saturation = 1.1, 0.8, 1.3
    luma = torch.tensor([0.299, 0.587, 0.114])
    matrix = brightness * contrast * (saturation * torch.eye(3) + (1 - saturation) * luma)
    parameters = box(2, 1, 9, 8, (8, 9))
    parameters[0, 6:18].view(3, 4)[:, :3] = matrix
    parameters[0, 18] = brightness * (1 - contrast)
    crop = images.permute(0, 3, 1, 2)[:, :, 1:9, 2:11].float() / 255
    wanted = tv.adjust_contrast(tv.adjust_brightness(crop, brightness), contrast)
    wanted = tv.adjust_saturation(wanted, saturation)
    out = run(function, images, parameters, (8, 9))
    # torchvision's luma is 0.2989 red: a ten-thousandth.
    torch.testing.assert_close(shades(out) / 255, wanted, rtol=0, atol=2e-4)


@FUNCTIONS
def test_colours_worked_out_by_hand_are_clamped(
    function: Callable[..., None],
    run: Callable[..., Any],
    shades: Callable[..., Any],
    unchanged: Callable[..., Any],
) -> None:
    images = torch.tensor([51, 102, 204], dtype=torch.uint8).view(1, 1, 1, 3)  # 0.2, 0.4, 0.8
    parameters = unchanged(1)
    rows = [[0, 0, 1, 0.1], [2, 0.5, -1, 0], [1, 1, 1, 0.0]]
    parameters[0, 6:18] = torch.tensor(rows).flatten()
    parameters[0, 18] = -0.5  # luma: 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.8 = 0.3858
    out = run(function, images, parameters, (1, 1))
    # 0.8 + 0.1 - 0.1929; 0.4 + 0.2 - 0.8 - 0.1929, below 0; 1.4 - 0.1929, above 1
    wanted = torch.tensor([0.7071, 0.0, 1.0])
    torch.testing.assert_close(shades(out).flatten() / 255, wanted, rtol=0, atol=1e-5)


@FUNCTIONS
def test_one_channel_is_the_grey_of_three_equal_ones(
    function: Callable[..., None],
    random_parameters: Callable[..., Any],
    run: Callable[..., Any],
    shades: Callable[..., Any],
) -> None:
    grey = random_images(8, 20, 22, 1)
    parameters = random_parameters(8)
    parameters[:, 10:18] = parameters[:, 6:10].repeat(1, 2)  # one row for all three
    alone = shades(run(function, grey, parameters, (18, 19)))
    three = shades(run(function, grey.repeat(1, 1, 1, 3), parameters, (18, 19)))
    kept = ~torch.isclose(three[:, :1], torch.tensor(255 * MEAN[0]))  # not erased
    torch.testing.assert_close(alone[kept], three[:, :1][kept], rtol=0, atol=2e-2)


@FUNCTIONS
def test_erased_pixels_become_zero_and_no_others(
    function: Callable[..., None],
    normalised: Callable[..., Any],
    run: Callable[..., Any],
    unchanged: Callable[..., Any],
) -> None:
    images = random_images(4, 9, 10)
    parameters = unchanged(4)
    parameters[0, 19:] = torch.tensor([1.5, 3, 4, 8.5])
    parameters[1, 19:] = torch.tensor([-2, -1, 20, 2])
    parameters[2, 19:] = torch.tensor([4, 5, 4, 9])
    wanted = normalised(images.permute(0, 3, 1, 2))
    wanted[0, :, 2:4, 3:9] = 0
    wanted[1, :, :, :2] = 0
    assert torch.equal(run(function, images, parameters, (9, 10)), wanted)
