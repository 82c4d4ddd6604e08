"""Shifts, sizes, JPEG and marks: what each does to a picture."""

import numpy as np
import pytest
import torch
from PIL import Image

from zeroreal.run.probe.changes.conditions import (
    CORRUPTION,
    JPEG,
    MARK,
    SHIFT,
    SIZE,
    corruption_conditions,
    other_conditions,
)
from zeroreal.run.probe.settings import NAMES

SIDE = 32


@pytest.fixture(scope="module")
def images():
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (40, SIDE, SIDE, 3), dtype=torch.uint8, generator=draw)


def condition(kind, level=None, name=""):
    (found,) = [
        one
        for one in other_conditions(SIDE, 0)
        if one.kind == kind and level in (None, one.level) and one.name == name
    ]
    return found


def test_every_corruption_comes_at_every_severity():
    found = corruption_conditions(NAMES, 0)
    expected = [(CORRUPTION, name, level) for name in NAMES for level in range(1, 6)]
    assert [(one.kind, one.name, one.level) for one in found] == expected


def test_the_others_are_told_in_pixels_and_qualities():
    found = [(one.kind, one.level) for one in other_conditions(SIDE, 0) if one.kind != MARK]
    assert found == [
        *((SHIFT, level) for level in (1, 2, 4)),
        *((SIZE, level) for level in (8, 16, 24, 64)),
        *((JPEG, level) for level in (95, 75, 50, 25, 10)),
    ]


def test_the_smallest_images_have_no_shift_twice():
    assert [one.level for one in other_conditions(8, 0) if one.kind == SHIFT] == [1]


def test_a_shift_goes_in_one_of_four_directions(images):
    found = condition(SHIFT, 2).apply(images, torch.arange(40)).numpy()
    ways = set()
    for before, after in zip(images.numpy(), found, strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="edge")
        moved = {
            way: padded[2 - down : 34 - down, 2 - across : 34 - across]
            for way, (down, across) in {
                "left": (0, -2), "right": (0, 2), "up": (-2, 0), "down": (2, 0)
            }.items()
        }  # fmt: skip
        ways |= {way for way, picture in moved.items() if np.array_equal(picture, after)}
        assert any(np.array_equal(picture, after) for picture in moved.values())
    assert ways == {"left", "right", "up", "down"}


def test_another_size_is_pillows(images):
    found = condition(SIZE, 16).apply(images[:3], torch.arange(3)).numpy()
    for before, after in zip(images[:3].numpy(), found, strict=True):
        picture = Image.fromarray(before)
        for side in (16, SIDE):
            picture = picture.resize((side, side), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(picture).astype(int) - after).max() <= 2  # each rounds twice


def test_a_low_quality_loses_more(images):
    apart = [
        (condition(JPEG, level).apply(images, torch.arange(40)).float() - images).abs().mean()
        for level in (95, 10)
    ]
    assert 0 < apart[0] < apart[1]


@pytest.mark.parametrize("name", ["logo", "text"])
def test_a_mark_lies_in_one_corner_and_leaves_the_rest(images, name):
    numbers = torch.arange(40)
    found = condition(MARK, name=name).apply(images, numbers)
    changed = (found != images).any(3)
    half = SIDE // 2
    places = [(y, x) for y in (0, half) for x in (0, half)]
    quarters = torch.stack(
        [changed[:, y : y + half, x : x + half].flatten(1).sum(1) for y, x in places], dim=1
    )
    corners = quarters.argmax(1)
    assert set(corners.tolist()) == {0, 1, 2, 3}
    assert bool((quarters.amax(1) >= 30).all())
    assert bool((changed.flatten(1).sum(1) < 0.2 * SIDE * SIDE).all())
    alone = condition(MARK, name=name).apply(images[5:6], numbers[5:6])
    assert torch.equal(alone[0], found[5])
    assert torch.equal(found, condition(MARK, name=name).apply(images, numbers))


@pytest.mark.parametrize("kind", [SHIFT, SIZE, JPEG])
def test_changes_do_not_depend_on_the_batch(images, kind):
    numbers = torch.arange(40)
    for one in other_conditions(SIDE, 0):
        if one.kind == kind:
            assert torch.equal(
                one.apply(images[7:8], numbers[7:8])[0], one.apply(images, numbers)[7]
            )
