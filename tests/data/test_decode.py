"""Pictures to square uint8 images."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from zeroreal.base.errors import InputError
from zeroreal.data.decode import read_image
from zeroreal.data.real import load_real_images

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


CLASSES = ("ankle boot", "bag", "coat")


def noise(height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return pixels.astype(np.uint8)


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def plain(colour, size=8):
    return np.full((size, size, 3), colour, np.uint8)


def write_parquet(path, images, labels, metadata=None):
    table = pa.table({"image": images, "label": labels})
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize(("height", "width"), [(28, 28), (64, 64), (100, 100)])
def test_square_images_are_resized_by_anti_aliased_bilinear_interpolation(tmp_path, height, width):
    pixels = noise(height, width)
    (tmp_path / "x.png").write_bytes(png(pixels))
    planes = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    expected = F.interpolate(planes, (32, 32), mode="bilinear", antialias=True)[0].permute(1, 2, 0)
    difference = read_image(tmp_path / "x.png", 32).float() - expected
    assert difference.abs().max() <= 1.01  # two roundings, one after each direction


def test_wide_images_lose_both_ends(tmp_path):
    pixels = np.concatenate([plain(RED, 16), plain(GREEN, 16), plain(BLUE, 16)], axis=1)
    (tmp_path / "x.png").write_bytes(png(pixels))
    assert (read_image(tmp_path / "x.png", 16).numpy() == GREEN).all()


def test_resized_images_are_counted(tmp_path):
    images = [png(plain(RED, size)) for size in (8, 9, 30)]
    found = load_real_images(write_parquet(tmp_path / "t.parquet", images, ["bag"] * 3), CLASSES, 8)
    assert found.resized == 2
    assert found.images.shape == (3, 8, 8, 3)


def save_grey(path):
    Image.fromarray(np.full((4, 4), 200, np.uint8)).save(path)


def save_grey_of_16_bits(path):
    Image.fromarray(np.full((4, 4), 200 * 257, np.uint16)).save(path)


def save_palette(path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 200, 200, 200])
    picture.save(path)


def save_clear_over_white(path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 3] = 55  # black at 55/255 over white: 200
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(
    "save", [save_grey, save_grey_of_16_bits, save_palette, save_clear_over_white]
)
def test_every_kind_of_pixel_becomes_rgb(tmp_path, save):
    save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png", 4).unique().tolist() == [200]


def test_orientation_tags_are_obeyed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by half
    pixels = np.concatenate([plain(RED, 8)[:4], plain(BLUE, 8)[:4]])
    Image.fromarray(pixels).save(tmp_path / "x.png", exif=exif)
    image = read_image(tmp_path / "x.png", 8)
    assert (image[0, 0].tolist(), image[7, 0].tolist()) == (list(BLUE), list(RED))


def test_an_image_to_predict_must_exist(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "absent.png", 8)
