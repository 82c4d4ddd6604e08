"""Images as files: what they decode to, the same bytes always, and bad settings."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from zeroreal.base import InputError
from zeroreal.data.encode import ImageEncoder


def smooth(count, side):
    """Images with gradients, as JPEG can hold them."""
    x, y = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="xy")
    image = torch.stack([x, y, (x + y) / 2], -1) * 200 / side
    return (image + torch.arange(count)[:, None, None, None] * 3).to(torch.uint8)


def decoded(file):
    return np.asarray(Image.open(io.BytesIO(file))).astype(int)


@pytest.mark.parametrize(
    ("image_format", "kind", "most"), [("jpg", "JPEG", 8), ("png", "PNG", 0), ("webp", "WEBP", 12)]
)
@pytest.mark.parametrize("side", [16, 96])
def test_files_hold_the_images_in_order(image_format, kind, most, side):
    images = smooth(9, side)
    with ImageEncoder(image_format, threads=3) as encoder:
        files = encoder.encode(images)
    assert len(files) == 9
    for file, image in zip(files, images.numpy(), strict=True):
        assert Image.open(io.BytesIO(file)).format == kind
        assert abs(decoded(file) - image).max() <= most


@pytest.mark.parametrize("image_format", ["jpg", "png", "webp"])
def test_bytes_do_not_depend_on_threads_or_on_the_batch(image_format):
    images = smooth(7, 96)
    alone = ImageEncoder(image_format, threads=1)
    with ImageEncoder(image_format, threads=4) as many:
        files = many.encode(images)
    assert files == [alone.encode(image[None])[0] for image in images]


def test_images_with_gaps_in_memory_are_taken(tmp_path):
    images = smooth(3, 16)
    channels_first = images.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    with ImageEncoder("png") as encoder:
        assert encoder.encode(channels_first) == encoder.encode(images)


def test_no_images_are_no_files():
    with ImageEncoder("jpg") as encoder:
        assert encoder.encode(torch.empty(0, 8, 8, 3, dtype=torch.uint8)) == []


def test_a_higher_quality_takes_more_bytes_and_the_default_is_95():
    images = smooth(1, 96)
    sizes = [len(ImageEncoder("jpg", q, 1).encode(images)[0]) for q in (50, 95, None)]
    assert sizes[0] < sizes[1] == sizes[2]


def test_the_name_says_what_encoded():
    assert ImageEncoder("jpg", 90, 1).name.startswith("pillow ")
    assert ImageEncoder("jpg", 90, 1).name.endswith("jpg q90")
    assert ImageEncoder("png", threads=1).name.endswith("png")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_format": "gif"}, "unknown image format 'gif'"),
        ({"quality": 0}, "quality 0 should be between 1 and 100"),
        ({"quality": 101}, "quality 101 should be between 1 and 100"),
        ({"image_format": "png", "quality": 90}, "quality 90 was given for png"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        ImageEncoder(**settings)


@pytest.mark.gpu
def test_jpeg_is_encoded_on_the_gpu_after_what_fills_the_images():
    device = torch.device("cuda")
    encoder = ImageEncoder("jpg", device=device)
    images = smooth(9, 96)
    for stream in (torch.cuda.current_stream(), torch.cuda.Stream()):
        with torch.cuda.stream(stream):
            there = torch.zeros_like(images, device=device)
            torch.cuda._sleep(50_000_000)  # what follows is late
            there.copy_(images)
            files = encoder.encode(there)
        for file, image in zip(files, images.numpy(), strict=True):
            assert abs(decoded(file) - image).max() <= 8
    assert encoder.name.startswith("nvjpeg")


@pytest.mark.gpu
def test_other_formats_come_from_the_cpu_wherever_the_images_lie():
    images = smooth(3, 16)
    with ImageEncoder("png") as encoder, ImageEncoder("png", device="cuda") as on_gpu:
        assert encoder.encode(images.cuda()) == on_gpu.encode(images.cuda())
        assert encoder.encode(images) == on_gpu.encode(images)
