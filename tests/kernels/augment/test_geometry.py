"""Where `augment` samples, against Pillow, torchvision and `grid_sample`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from zeroreal.kernels._augment import augment
from zeroreal.kernels._augment_reference import augment_reference

PADDINGS = ["edge", "reflect"]


FUNCTIONS = pytest.mark.parametrize("function", [augment, augment_reference])


def random_images(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    size = (count, height, width, channels)
    return torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)


@FUNCTIONS
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("left", "top"), [(0, 0), (4, -4), (-3, 2), (9, 11)])
@pytest.mark.parametrize("mirror", [False, True])
def test_whole_pixel_crops_equal_those_of_torchvision(
    mirror: bool,
    left: int,
    top: int,
    padding: str,
    function: Callable[..., None],
    box: Callable[..., Any],
    normalised: Callable[..., Any],
    run: Callable[..., Any],
) -> None:
    images = random_images(1, 32, 30)
    parameters = box(left, top, 24, 20, (20, 24))
    if mirror:
        parameters[0, 0], parameters[0, 2] = -1, left + 24
    padded = tv.pad(images.permute(0, 3, 1, 2), [12], padding_mode=padding)
    wanted = tv.crop(padded, top + 12, left + 12, 20, 24)
    wanted = tv.horizontal_flip(wanted) if mirror else wanted
    out = run(function, images, parameters, (20, 24), padding=padding)
    assert torch.equal(out, normalised(wanted))


@FUNCTIONS
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("left", "top", "width", "height", "size"),
    [
        (0, 0, 37, 33, (9, 11)),
        (0, 0, 37, 33, (80, 70)),
        (3.3, 2.7, 20.9, 11.2, (32, 32)),
        (10.25, 4.5, 9.5, 27.1, (5, 40)),
        (-6.2, -3.9, 45.5, 40.3, (32, 32)),
        (20, 15, 30.5, 30.5, (3, 1)),
    ],
)
def test_boxes_are_resampled_as_by_pillow(
    left: float,
    top: float,
    width: float,
    height: float,
    size: tuple[int, int],
    channels: int,
    function: Callable[..., None],
    box: Callable[..., Any],
    resized_by_pillow: Callable[..., Any],
    run: Callable[..., Any],
    shades: Callable[..., Any],
) -> None:
    images = random_images(1, 33, 37, channels)
    out = run(function, images, box(left, top, width, height, size), size)
    wanted = resized_by_pillow(images[0], left, top, width, height, size)
    torch.testing.assert_close(shades(out)[0], wanted, rtol=0, atol=5e-3)


@FUNCTIONS
def test_a_224_pixel_image_is_resampled_as_by_pillow(
    function: Callable[..., None],
    box: Callable[..., Any],
    resized_by_pillow: Callable[..., Any],
    run: Callable[..., Any],
    shades: Callable[..., Any],
) -> None:
    images = random_images(1, 256, 256)
    out = run(function, images, box(11.5, 30.25, 201.5, 140.75, (224, 224)), (224, 224))
    wanted = resized_by_pillow(images[0], 11.5, 30.25, 201.5, 140.75, (224, 224))
    torch.testing.assert_close(shades(out)[0], wanted, rtol=0, atol=1e-2)


@FUNCTIONS
@pytest.mark.parametrize("angle", [0.1, -0.7, 3.0])
def test_a_turned_image_equals_that_of_grid_sample(
    angle: float,
    function: Callable[..., None],
    run: Callable[..., Any],
    shades: Callable[..., Any],
    unchanged: Callable[..., Any],
) -> None:
    images = random_images(1, 21, 21)
    matrix = torch.tensor(
        [
            [0.9 * math.cos(angle), -0.9 * math.sin(angle), 0.2],
            [0.9 * math.sin(angle), 0.9 * math.cos(angle), -0.4],
        ]
    )
    grid = F.affine_grid(matrix[None], [1, 3, 21, 21], align_corners=False)
    wanted = F.grid_sample(
        images.permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False
    )
    parameters = unchanged(1)
    centre = matrix[:, 2] * 10.5 + 10.5 - matrix[:, :2].sum(1) * 10.5  # from half sides to pixels
    parameters[0, :6] = torch.cat([matrix[:, :2], centre[:, None]], dim=1).flatten()
    out = run(function, images, parameters, (21, 21))
    torch.testing.assert_close(shades(out), wanted, rtol=0, atol=5e-3)


@FUNCTIONS
def test_a_quarter_turn_is_antialiased_too(
    function: Callable[..., None],
    resized_by_pillow: Callable[..., Any],
    run: Callable[..., Any],
    shades: Callable[..., Any],
    unchanged: Callable[..., Any],
) -> None:
    images = random_images(1, 30, 24)
    parameters = unchanged(1)
    # Columns to the right come from rows further down, rows down from columns further left.
    parameters[0, :6] = torch.tensor([0, 3, 0, -3, 0, 30])
    out = run(function, images, parameters, (8, 10))
    turned = torch.rot90(images[0], k=-1, dims=(0, 1))
    wanted = resized_by_pillow(turned, 0, 0, 30, 24, (8, 10))
    torch.testing.assert_close(shades(out)[0], wanted, rtol=0, atol=5e-3)


@pytest.mark.parametrize("padding", PADDINGS)
def test_sampling_by_pixel_gives_the_bits_of_sampling_by_row(
    padding: str, run: Callable[..., Any], unchanged: Callable[..., Any]
) -> None:
    """By pixel is how the GPU does it: a trace of rotation, lost in rounding, takes that way."""
    images = random_images(3, 33, 37)
    parameters = unchanged(3)
    parameters[0, :6] = torch.tensor([0.37, 0, 2.3, 0, 0.81, -3.1])
    parameters[1, :6] = torch.tensor([-2.3, 0, 41.7, 0, 1.4, -6.2])
    parameters[2, :6] = torch.tensor([-1, 0, 30, 0, 1, 2])
    parameters[:, 18] = 0.25
    by_row = run(augment, images, parameters, (19, 23), padding=padding)
    parameters[:, 1] = 1e-30
    assert torch.equal(run(augment, images, parameters, (19, 23), padding=padding), by_row)


@FUNCTIONS
def test_positions_beyond_the_borders_are_padded(
    function: Callable[..., None],
    box: Callable[..., Any],
    run: Callable[..., Any],
    shades: Callable[..., Any],
) -> None:
    ramp = torch.tensor([10, 20, 30, 40], dtype=torch.uint8).view(1, 1, 4, 1)
    row = box(-4, 0, 12, 1, (1, 12))
    edge = shades(run(function, ramp, row, (1, 12), padding="edge")).flatten().round().tolist()
    assert edge == [10] * 4 + [10, 20, 30, 40] + [40] * 4
    reflect = run(function, ramp, row, (1, 12), padding="reflect")
    wanted = [30, 40, 30, 20, 10, 20, 30, 40, 30, 20, 10, 20]
    assert shades(reflect).flatten().round().tolist() == wanted


@FUNCTIONS
@pytest.mark.parametrize("mirror", [False, True])
def test_positions_farther_outside_than_a_side_stay_there(
    mirror: bool,
    function: Callable[..., None],
    box: Callable[..., Any],
    run: Callable[..., Any],
    shades: Callable[..., Any],
) -> None:
    ramp = torch.tensor([10, 20, 30, 40], dtype=torch.uint8).view(1, 1, 4, 1)
    parameters = box(13, 0, -22, 1, (1, 22)) if mirror else box(-9, 0, 22, 1, (1, 22))
    out = shades(run(function, ramp, parameters, (1, 22), padding="reflect"))
    row = out.flatten().round().tolist()
    # Between positions -5 and -4, which show 20 and 30, and between 7 and 8, which show the same.
    assert row[:5] == row[-5:] == [25] * 5
    inside = [30, 40, 30, 20, 10, 20, 30, 40, 30, 20, 10, 20]
    assert row[5:-5] == (inside[::-1] if mirror else inside)
