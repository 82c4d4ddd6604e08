"""Degraded images are what Pillow and torchvision make of them, each by numbers of its own."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as vision

from zeroreal.train.pool.degrade import degrade
from zeroreal.train.settings import DegradeRanges

BILINEAR = Image.Resampling.BILINEAR
EVERYTHING = DegradeRanges(resolution=24, blur=1.5, noise=0.05, jpeg=30)


def pictures(count=8, side=40):
    """Smooth colours with hard edges: uint8 NHWC."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
    smooth[:, :, side // 4 : side // 2, side // 4 :] *= 0.4
    return (smooth * 255).clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()


def degraded(images, ranges, seed=5, first=0):
    return degrade(images, ranges, seed, torch.arange(first, first + len(images)))


def difference(one, other):
    return (one.float() - other.float()).abs()


def pillow_jpeg(image, quality):
    """libjpeg rounds in whole numbers, which moves about a coefficient in a hundred by a step."""
    file = io.BytesIO()
    Image.fromarray(image.numpy()).save(file, "JPEG", quality=quality, subsampling=0)
    return torch.from_numpy(np.array(Image.open(file)))


def planes(images, function):
    """A function of torchvision, which wants NCHW."""
    return function(images.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def test_by_default_images_stay_as_they_are():
    images = pictures()
    assert torch.equal(degraded(images, DegradeRanges()), images)
    assert not DegradeRanges().active
    assert EVERYTHING.active


@pytest.mark.parametrize("side", [40, 37])  # 8 divides one of them
def test_jpeg_is_pillows_at_the_same_quality(side):
    images = pictures(side=side)
    ours = degraded(images, DegradeRanges(jpeg=95))  # 95 is the best that is drawn
    reference = torch.stack([pillow_jpeg(image, 95) for image in images])
    assert difference(ours, reference).mean() < 0.5
    assert difference(ours, images).mean() > 1


def test_every_jpeg_is_pillows_at_some_quality_of_the_range_and_they_spread_over_it():
    images = pictures(24, side=32)
    ours = degraded(images, DegradeRanges(jpeg=10))
    found = []
    for image, mine in zip(images, ours, strict=True):
        errors = {q: difference(mine, pillow_jpeg(image, q)).mean() for q in range(10, 96)}
        found.append(min(errors, key=errors.get))
        assert errors[found[-1]] < 0.75
    assert min(found) < 25
    assert max(found) > 80


def test_lower_resolution_is_pillows_antialiased_resize_there_and_back():
    images = pictures()
    small = [Image.fromarray(image.numpy()).resize((16, 16), BILINEAR) for image in images]
    large = [torch.from_numpy(np.array(image.resize((40, 40), BILINEAR))) for image in small]
    change = difference(degraded(images, DegradeRanges(resolution=16)), torch.stack(large))
    assert change.mean() < 0.5  # Pillow rounds after each axis
    assert change.max() <= 2


def test_images_no_larger_than_the_resolution_keep_their_pixels():
    images = pictures()
    assert torch.equal(degraded(images, DegradeRanges(resolution=40)), images)


def test_blur_is_torchvisions_with_a_deviation_of_the_range():
    images = pictures()
    ours = degraded(images, DegradeRanges(blur=2.0))
    sigmas = [0.01 * step for step in range(1, 201)]
    errors = torch.stack(
        [
            difference(ours, planes(images, lambda x, s=s: vision.gaussian_blur(x, 13, s)))
            .flatten(1)
            .amax(1)
            for s in sigmas
        ]
    )
    smallest, found = errors.min(0)
    assert (smallest <= 1).all()
    assert found.min() < 60
    assert found.max() > 140


def test_a_blur_wider_than_the_image_is_cut_off():
    images = pictures(side=8)
    spread = degraded(images, DegradeRanges(blur=30.0)).float().std((1, 2)).mean()
    assert spread < 0.5 * images.float().std((1, 2)).mean()


def test_noise_is_normal_with_deviations_uniform_up_to_the_largest():
    grey = torch.full((256, 24, 24, 3), 128, dtype=torch.uint8)
    change = (degraded(grey, DegradeRanges(noise=0.1)).float() - 128) / 255
    deviations = change.flatten(1).std(1)
    assert deviations.max() < 0.1 * 1.1
    # Uniform on 0..0.1: mean 0.05 and deviation 0.029, of 256.
    assert deviations.mean() == pytest.approx(0.05, abs=4 * 0.029 / 16)
    assert deviations.std() == pytest.approx(0.029, rel=0.15)
    strong = change[deviations > 0.05].flatten(1)
    scaled = strong / strong.std(1, keepdim=True)
    assert scaled.mean() == pytest.approx(0.0, abs=0.01)
    assert (scaled**4).mean() == pytest.approx(3.0, abs=0.1)  # of a normal distribution


def test_noise_of_images_and_channels_is_independent():
    grey = torch.full((16, 24, 24, 3), 128, dtype=torch.uint8)
    change = degraded(grey, DegradeRanges(noise=0.2)).float().permute(0, 3, 1, 2).flatten(0, 1)
    correlation = torch.corrcoef(change.flatten(1)).fill_diagonal_(0)
    assert correlation.abs().max() < 6 / 24  # six standard deviations of 24 x 24 pairs


def test_an_image_becomes_the_same_alone_and_in_a_batch():
    images = pictures()
    together = degraded(images, EVERYTHING, first=7)
    alone = torch.cat([degraded(images[i : i + 1], EVERYTHING, first=7 + i) for i in range(8)])
    assert torch.equal(together, alone)


def test_seeds_and_positions_change_the_outcome_and_nothing_else_does():
    images = pictures(1).expand(4, -1, -1, -1)
    first = degraded(images, EVERYTHING)
    torch.manual_seed(9)
    assert torch.equal(degraded(images, EVERYTHING), first)
    assert not torch.equal(degraded(images, EVERYTHING, seed=6), first)
    assert len({tuple(image.flatten().tolist()) for image in first}) == 4


def test_what_comes_out_is_contiguous_bytes_and_the_input_is_kept():
    images = pictures()
    before = images.clone()
    result = degraded(images, EVERYTHING)
    assert (result.dtype, result.shape) == (torch.uint8, images.shape)
    assert result.is_contiguous()
    assert torch.equal(images, before)


@pytest.mark.gpu
def test_cuda_gives_the_bytes_of_the_cpu_without_waiting():
    images, positions = pictures(), torch.arange(8)
    degrade(images.cuda(), EVERYTHING, 5, positions.cuda())  # fills the cache of constants
    on_device = images.cuda(), positions.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        ours = degrade(on_device[0], EVERYTHING, 5, on_device[1])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    # Rounding may move a coefficient to the next step.
    assert difference(ours.cpu(), degrade(images, EVERYTHING, 5, positions)).mean() < 0.1
