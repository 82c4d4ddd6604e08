"""Drawn parameters: what they do to images, their ranges, and the pure-Python Philox."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from zeroreal.generate.plan.philox import philox4x32
from zeroreal.kernels._augment import augment
from zeroreal.kernels._augment_draw import draw_augmentation
from zeroreal.kernels.augment_ranges import AugmentRanges

EVERYTHING = AugmentRanges(
    area=(0.3, 0.9),
    aspect=(0.5, 2.0),
    zoom=0.1,
    shift=3,
    rotate=20,
    flip=0.5,
    brightness=0.2,
    contrast=0.3,
    saturation=0.4,
    erase=0.5,
)
MANY = torch.arange(4000)


def draw(ranges: AugmentRanges, source: tuple[int, int], size: tuple[int, int]) -> Tensor:
    return draw_augmentation(ranges, 7, MANY, source, size)


def uniform(seed: int, position: int, number: int) -> float:
    """The number-th number of a sample."""
    key = (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF)
    return philox4x32((number // 4, 0, 0, position), key)[number % 4] / 2**32


def corners(parameters: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Where the upper left and the lower right corner of the output lie: `[B, 2]`, x and y."""
    matrix = parameters[:, :6].view(-1, 2, 3)
    last = torch.tensor([size[1], size[0], 1.0])
    return matrix[:, :, 2], matrix @ last


def test_by_default_only_the_size_changes() -> None:
    parameters = draw(AugmentRanges(), (20, 30), (40, 15))
    wanted = torch.zeros(23)
    wanted[[0, 4, 6, 11, 16]] = torch.tensor([2.0, 0.5, 1, 1, 1])
    assert torch.equal(parameters, wanted.expand(len(MANY), -1))


def test_a_sample_does_not_depend_on_those_beside_it() -> None:
    together = draw(EVERYTHING, (32, 48), (32, 32))
    chosen = torch.tensor([3999, 5, 5, 0])
    alone = draw_augmentation(EVERYTHING, 7, chosen, (32, 48), (32, 32))
    assert torch.equal(alone, together[chosen])


def test_seeds_and_positions_give_other_parameters() -> None:
    seeds = [7, 8, 7 + 2**40, -7]
    draws = [draw_augmentation(EVERYTHING, seed, MANY, (32, 32), (32, 32)) for seed in seeds]
    assert len(torch.cat(draws).unique(dim=0)) == len(seeds) * len(MANY)


@pytest.mark.parametrize("seed", [0, 2**63 - 1, -12345678901])
def test_numbers_are_those_of_philox(seed: int) -> None:
    positions = torch.tensor([0, 1, 77, 2**32 - 1])
    ranges = AugmentRanges(brightness=0.5, zoom=0.25)
    parameters = draw_augmentation(ranges, seed, positions, (16, 16), (16, 16))
    for row, position in zip(parameters.tolist(), positions.tolist(), strict=True):
        assert row[0] == pytest.approx(0.75 + 0.5 * uniform(seed, position, 6), rel=1e-6)
        assert row[6] == pytest.approx(0.5 + uniform(seed, position, 9), rel=1e-6)


def test_crops_lie_inside_the_image_and_reach_its_borders() -> None:
    ranges = AugmentRanges(area=(0.25, 0.8), aspect=(0.75, 1.25))
    first, last = corners(draw(ranges, (40, 50), (8, 8)), (8, 8))
    assert torch.equal(first.amin(0), torch.zeros(2))
    torch.testing.assert_close(last.amax(0), torch.tensor([50.0, 40.0]))
    sides = last - first
    area = sides.prod(1) / (40 * 50)
    aspect = sides[:, 0] / sides[:, 1] / (50 / 40)
    assert (area.min(), area.max()) == (pytest.approx(0.25, abs=0.02), pytest.approx(0.8, abs=0.02))
    assert aspect.min() == pytest.approx(0.75, abs=0.04)
    assert aspect.max() == pytest.approx(1.25, abs=0.06)
    assert area.mean() == pytest.approx(0.525, abs=0.01)
    assert aspect.log().mean() == pytest.approx(math.log(0.75 * 1.25) / 2, abs=0.01)


def test_a_crop_of_the_size_of_the_batch_moves_by_whole_pixels() -> None:
    ranges = AugmentRanges(area=((224 / 256) ** 2,) * 2, flip=0.5, shift=2 / 256)
    parameters = draw(ranges, (256, 256), (224, 224))
    assert set(parameters[:, 0].tolist()) == {1.0, -1.0}
    assert set(parameters[:, 4].tolist()) == {1.0}
    assert set(parameters[:, 5].tolist()) == set(range(-2, 35))
    left = torch.where(parameters[:, 0] > 0, parameters[:, 2], parameters[:, 2] - 224)
    assert set(left.tolist()) == set(range(-2, 35))


def test_rotation_and_zoom_keep_the_centre() -> None:
    parameters = draw(AugmentRanges(rotate=30, zoom=0.2), (20, 30), (40, 60))
    matrix = parameters[:, :6].view(-1, 2, 3)
    centre = matrix @ torch.tensor([30.0, 20.0, 1.0])
    torch.testing.assert_close(centre, torch.tensor([15.0, 10.0]).expand(len(MANY), 2))
    angle = torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]).rad2deg()
    assert (angle.min(), angle.max()) == (pytest.approx(-30, abs=0.1), pytest.approx(30, abs=0.1))
    zoom = matrix[:, :, :2].det().sqrt() * 2
    assert (zoom.min(), zoom.max()) == (pytest.approx(0.8, abs=1e-3), pytest.approx(1.2, abs=1e-3))
    turned = matrix[:, :, :2] @ matrix[:, :, :2].mT  # a rotation, but for its factor
    torch.testing.assert_close(turned, torch.eye(2) * (zoom / 2).square()[:, None, None])


def test_shares_of_images_are_mirrored_and_erased() -> None:
    parameters = draw(AugmentRanges(flip=0.25, erase=0.6), (32, 32), (32, 32))
    assert (parameters[:, 0] < 0).float().mean() == pytest.approx(0.25, abs=0.03)
    erased = parameters[:, 19:].any(1)
    assert erased.float().mean() == pytest.approx(0.6, abs=0.03)
    boxes = parameters[erased, 19:]
    sides = (boxes[:, 2:] - boxes[:, :2]) / 32
    assert boxes.min() >= 0
    assert boxes.max() <= 32
    assert (sides.min(), sides.max()) == (
        pytest.approx(0.2, abs=0.01),
        pytest.approx(0.5, abs=0.01),
    )


def test_colours_change_as_by_torchvision() -> None:
    ranges = AugmentRanges(brightness=0.1, contrast=0.3, saturation=0.4)
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(60, 190, (16, 9, 8, 3), generator=generator, dtype=torch.uint8)
    parameters = draw_augmentation(ranges, 3, torch.arange(16), (9, 8), (9, 8))
    out = torch.empty(16, 9, 8, 3).permute(0, 3, 1, 2)
    augment(out, images, torch.arange(16), parameters, [0.0] * 3, [1.0] * 3)
    for position, image in enumerate(images.permute(0, 3, 1, 2).float() / 255):
        factors = (2 * uniform(3, position, number) - 1 for number in (9, 10, 11))
        brightness, contrast, saturation = (
            1 + factor * limit for factor, limit in zip(factors, (0.1, 0.3, 0.4), strict=True)
        )
        wanted = tv.adjust_contrast(tv.adjust_brightness(image, brightness), contrast)
        wanted = tv.adjust_saturation(wanted, saturation)
        torch.testing.assert_close(out[position], wanted, rtol=0, atol=2e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"area": (0.0, 1.0)}, r"area must rise within \(0, 1\], not \(0.0, 1.0\)"),
        ({"area": (0.5, 1.5)}, "area must rise"),
        ({"area": (0.9, 0.8)}, "area must rise"),
        ({"aspect": (0.0, 1.0)}, "aspect must rise from above 0"),
        ({"aspect": (2.0, 1.0)}, "aspect must rise from above 0"),
        ({"flip": 1.5}, "flip must be a share, 0 to 1, not 1.5"),
        ({"erase": -0.1}, "erase must be a share, 0 to 1, not -0.1"),
        ({"shift": -1}, "shift must be 0 or more, not -1"),
        ({"contrast": -0.5}, "contrast must be 0 or more, not -0.5"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AugmentRanges(**change)  # type: ignore[arg-type]
