"""Pictures to square uint8 images."""

import io
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps, TiffImagePlugin

from zeroreal.base.errors import InputError
from zeroreal.base.limits import LimitError
from zeroreal.data.decode import decode, decode_all, shorter_side
from zeroreal.data.real import load_real_images
from zeroreal.data.settings import ReadSettings

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


def read_image(path, size):
    return torch.from_numpy(decode(path, str(path), size)[0].copy())


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


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp", "tiff"])
def test_orientation_tags_are_obeyed_as_pillow_does(image_format):
    for orientation in range(10):  # 0 and 9 mean nothing
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = encoded(noise(8, 8), image_format, exif=exif)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
        assert (decode(content, "x", 8)[0] == np.asarray(upright)).all()


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0not a TIFF",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\xff\xff\xff\xff\0\0\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"II",
    ],
)
def test_a_broken_orientation_tag_is_none(image_format, exif):
    content = encoded(noise(8, 8), image_format, exif=exif)
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert (decode(content, "x", 8)[0] == pixels).all()


def encoded(pixels, image_format, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, image_format, **options)
    return buffer.getvalue()


def test_floats_of_0_to_1_keep_their_range():
    content = encoded(np.array([[0, 0.5], [0.25, 1]], np.float32), "tiff")
    assert decode(content, "x", 2)[0][..., 0].tolist() == [[0, 128], [64, 255]]


def test_16_bits_of_pgm_keep_their_range():
    content = encoded(np.array([[0, 257], [514, 65535]], np.uint16), "ppm")
    assert decode(content, "x", 2)[0][..., 0].tolist() == [[0, 1], [2, 255]]


@pytest.mark.parametrize(
    ("pixels", "complaint"),
    [
        (np.full((2, 2), 200, np.float32), "floats are not all from 0 to 1"),
        (np.full((2, 2), -0.1, np.float32), "floats are not all from 0 to 1"),
        (np.array([[0, np.nan]], np.float32), "floats are not all from 0 to 1"),
        (np.full((2, 2), 200, np.int32), "whole numbers have no known range"),
        (np.full((2, 2), 70000, np.int32), "whole numbers have no known range"),
    ],
)
def test_pixels_of_no_known_range_are_refused_and_never_black(pixels, complaint):
    with pytest.raises(InputError, match=rf"cannot read image 'x' \(its {complaint}; save it in 8"):
        decode(encoded(pixels, "tiff"), "x", 2)


def tiff(pixels, black, white, *, kind, **others):
    """A TIFF that names its range by tags of a kind: 3 and 4 whole, 9 signed, 11 and 12 floats."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in {340: black, 341: white, **others}.items():
        tags[tag], tags.tagtype[tag] = value, kind
    return encoded(pixels, "tiff", tiffinfo=tags)


@pytest.mark.parametrize(
    ("pixels", "black", "white", "kind"),
    [
        (np.array([[1000, 2000], [1500, 3000]], np.int32), 1000, 3000, 4),
        (np.array([[-1000, 0], [-500, 1000]], np.int32), -1000, 1000, 9),
        (np.array([[-3.5, 0], [-1.75, 3.5]], np.float32), -3.5, 3.5, 11),
        (np.array([[0, 127.5], [63.75, 255]], np.float32), 0, 255, 12),
        (np.array([[10, 30], [20, 90]], np.float32), 10, 50, 11),
    ],
)
def test_tiff_of_32_bits_has_the_range_of_its_tags(pixels, black, white, kind):
    content = tiff(pixels, black, white, kind=kind)
    assert decode(content, "x", 2)[0][..., 0].tolist() == [[0, 128], [64, 255]]


def test_whole_numbers_above_the_signed_range_stay_above_it():
    pixels = np.array([[0, 2**31], [2**30, 2**32 - 1]], np.uint32).view(np.int32)
    content = bytearray(tiff(pixels, 0, 2**32 - 1, kind=4))
    place = content.index(struct.pack("<HHI", 339, 3, 1)) + 8
    content[place : place + 2] = struct.pack("<H", 1)  # which Pillow writes as 2, signed
    assert decode(bytes(content), "x", 2)[0][..., 0].tolist() == [[0, 128], [64, 255]]


@pytest.mark.parametrize(
    ("pixels", "black", "white", "complaint"),
    [
        (np.full((2, 2), 7, np.float32), 100, 200, "range 100 to 200, and no value is in it"),
        (np.full((2, 2), 7, np.float32), 7, 7, "range 7 to 7, and no value"),
        (np.full((2, 2), 7, np.float32), 9, 5, "range 9 to 5, and no value"),
        (np.array([[0, np.nan]] * 2, np.float32), 0, 1, "values that are not a number"),
    ],
)
def test_tags_that_name_no_range_of_the_pixels_are_refused(pixels, black, white, complaint):
    with pytest.raises(InputError, match=complaint):
        decode(tiff(pixels, black, white, kind=11), "x", 2)


def test_a_turned_tiff_keeps_the_range_of_its_tags():
    pixels = np.array([[-1, 1], [-1, -1]], np.float32)
    content = tiff(pixels, -1, 1, kind=11)
    turned = encoded(pixels, "tiff", tiffinfo=_with_orientation(content, 3))
    assert decode(turned, "x", 2)[0][..., 0].tolist() == [[0, 0], [255, 0]]


def _with_orientation(content, orientation):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    with Image.open(io.BytesIO(content)) as image:
        for tag in (340, 341):
            tags[tag], tags.tagtype[tag] = image.tag_v2[tag], 11
    tags[274] = orientation
    return tags


def test_the_limit_on_pixels_can_be_raised(monkeypatch):
    monkeypatch.setenv("ZEROREAL_MAX_IMAGE_PIXELS", "20")
    content = png(noise(8, 8))
    for limit in (40, 63):
        with pytest.raises(LimitError, match=f"has 64 pixels, and the limit is {limit}:"):
            decode(content, "x", 8, max_pixels=limit)
    assert (decode(content, "x", 8, max_pixels=64)[0] == noise(8, 8)).all()
    assert shorter_side(content, "x", max_pixels=64) == 8


def test_the_limit_on_pixels_holds_without_an_option(monkeypatch):
    monkeypatch.setenv("ZEROREAL_MAX_IMAGE_PIXELS", "63")
    with pytest.raises(LimitError, match=r"has 64 pixels, .* raise it by --max-image-pixels if"):
        decode(png(noise(8, 8)), "x", 8)
    with pytest.raises(InputError, match="max image pixels is 0"):
        ReadSettings(max_image_pixels=0)


def test_images_that_pillow_refuses_are_judged_by_our_limit_and_its_own_stays(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # it refuses twice as many
    assert (decode(png(noise(8, 8)), "x", 8)[0] == noise(8, 8)).all()
    assert Image.MAX_IMAGE_PIXELS == 20


def test_unreadable_images_are_left_out_counted_and_listed_only_when_asked():
    good = png(noise(8, 8))
    pictures = [(b"junk", "a"), (good, "b"), (good[:100], "c"), (good, "d")]
    with pytest.raises(InputError, match="cannot read image 'a'"):
        decode_all(pictures, 4, 8)
    found = decode_all(pictures, 4, 8, skip_unreadable=True)
    assert found.kept.tolist() == [False, True, False, True]
    assert (found.images.numpy() == noise(8, 8)).all()
    assert found.images.shape == (2, 8, 8, 3)
    assert [text[:21] for text in found.unreadable] == [
        "cannot read image 'a'",
        "cannot read image 'c'",
    ]
