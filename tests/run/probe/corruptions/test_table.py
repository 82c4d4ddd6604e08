"""The corruptions together: identity, seeds, severities, refusals."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.run.probe.corruptions.table import CORRUPTIONS, corrupted, severities_of
from zeroreal.run.probe.settings import FAMILIES, NAMES

RANDOM = [name for name in NAMES if name not in (
    "defocus-blur", "zoom-blur", "brightness", "contrast", "pixelate", "jpeg"
)]  # fmt: skip


def pictures(count, side):
    """Smooth colours with an edge, uint8."""
    draw = torch.Generator().manual_seed(side)
    small = torch.rand(count, 3, 4, 4, generator=draw)
    smooth = torch.nn.functional.interpolate(small, (side, side), mode="bicubic").clamp(0, 1)
    smooth[:, :, side // 3 :, : side // 2] *= 0.4
    return (smooth * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@pytest.fixture(scope="module")
def images():
    return pictures(5, 32)


@pytest.mark.parametrize("name", NAMES)
def test_severity_0_is_the_picture_itself(images, name):
    assert torch.equal(corrupted(images, name, 0, 0, torch.arange(5)), images)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_corrupted_alike_in_every_batch(images, name):
    numbers = torch.tensor([9, 3, 4000, 0, 77])
    before = images.clone()
    for severity in (1, 5):
        whole = corrupted(images, name, severity, 5, numbers)
        assert (whole.dtype, whole.shape) == (torch.uint8, images.shape)
        for row in (0, 3):
            alone = corrupted(images[row : row + 1], name, severity, 5, numbers[row : row + 1])
            assert (alone[0].int() - whole[row].int()).abs().max() <= (name not in RANDOM[:3])
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", RANDOM)
def test_seed_and_number_decide_what_is_drawn(images, name):
    numbers = torch.arange(5)
    found = corrupted(images, name, 5, 0, numbers)
    assert torch.equal(found, corrupted(images, name, 5, 0, numbers))
    assert not torch.equal(found, corrupted(images, name, 5, 1, numbers))
    assert not torch.equal(found, corrupted(images, name, 5, 0, numbers + 5))


@pytest.mark.parametrize("side", [32, 96])
@pytest.mark.parametrize("name", NAMES)
def test_the_severest_changes_more_than_the_mildest(name, side):
    images = pictures(3, side)
    apart = [
        (corrupted(images, name, level, 0, torch.arange(3)).float() - images).abs().mean()
        for level in (1, 5)
    ]
    if name == "elastic":  # whose published severities trade one kind of warp for another
        assert min(apart) > 0
    else:
        assert apart[1] > apart[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_pictures_can_be_corrupted(name):
    images = pictures(2, 8)
    for severity in (1, 5):
        found = corrupted(images, name, severity, 0, torch.arange(2))
        assert found.shape == images.shape


def test_there_are_the_15_in_their_families():
    assert tuple(CORRUPTIONS) == NAMES
    assert len(set(NAMES)) == 15
    assert [len(names) for names in FAMILIES.values()] == [3, 4, 4, 4]
    assert all(len(one.small) == len(one.large) == 5 for one in CORRUPTIONS.values())


def test_small_pictures_have_cifars_severities():
    assert (severities_of(32), severities_of(84)) == ("CIFAR-10-C", "CIFAR-10-C")
    assert (severities_of(85), severities_of(224)) == ("ImageNet-C", "ImageNet-C")
    grey = torch.full((1, 32, 32, 3), 128, dtype=torch.uint8)
    large = torch.full((1, 96, 96, 3), 128, dtype=torch.uint8)
    for images, deviation in ((grey, 0.10), (large, 0.38)):
        found = corrupted(images, "gaussian-noise", 5, 0, torch.arange(1)).float() / 255
        expected = 0.10 if deviation == 0.10 else 0.33  # what is cut off is missing
        assert float(found.std()) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("name", "severity", "side", "complaint"),
    [
        ("fogg", 1, 32, "unknown corruption 'fogg': did you mean 'fog'"),
        ("fog", 6, 32, "severity is 6: give 1 to 5, or 0"),
        ("fog", 1, 7, "images of 7 pixels a side are too small to be corrupted: at least 8"),
    ],
)
def test_what_cannot_be_corrupted_is_refused(name, severity, side, complaint):
    with pytest.raises(InputError, match=complaint):
        corrupted(pictures(1, side), name, severity, 0, torch.arange(1))
