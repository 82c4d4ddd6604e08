"""Decoding of image files to square RGB arrays of one size."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ..base.errors import InputError

# Pillow knows what it can open only after this, and threads must not race for it.
Image.init()
# Named, because Pillow would otherwise hand PostScript to Ghostscript.
_WANTED = {"PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF"}
FORMATS = tuple(sorted(_WANTED & Image.OPEN.keys()))
SUFFIXES = frozenset(
    suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS
)

# An image: its encoded bytes, the file that holds them, or already open.
Encoded = bytes | Path | Image.Image

_CHUNK = 256


def read_image(path: str | Path, size: int) -> Tensor:
    """The image in a file as uint8 `[size, size, 3]`: see `decode` for how it is fitted."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"image {str(path)!r} does not exist")
    return torch.from_numpy(decode(path, str(path), size)[0].copy())


def decode(encoded: Encoded, name: str, size: int) -> tuple[NDArray[Any], bool]:
    """RGB uint8 `[size, size, 3]`, and whether the image had another size.

    The shorter side is scaled to `size` by anti-aliased bilinear interpolation and the middle kept.
    Orientation tags are obeyed, transparency lies on white, 16-bit greys keep their range, and of
    several frames the first counts. Raises `InputError`, with `name`, for what cannot be decoded.
    """
    with _opened(encoded, name) as image:
        return _fit(_to_rgb(ImageOps.exif_transpose(image)), size)


def shorter_side(encoded: Encoded, name: str) -> int:
    """The image's width or height in pixels, whichever is less. Raises what `decode` does."""
    with _opened(encoded, name) as image:
        return min(image.size)


def decode_all(
    pictures: Iterable[tuple[Encoded, str]], count: int, size: int
) -> tuple[Tensor, int]:
    """`count` images as uint8 `[count, size, size, 3]`, and how many had another size.

    Chunk by chunk on a few threads (Pillow decodes without the interpreter lock), so that at most a
    chunk of images is held at full size.
    """
    images = np.empty((count, size, size, 3), np.uint8)
    resized, done = 0, 0
    rest = iter(pictures)
    with ThreadPoolExecutor() as pool:
        while chunk := list(islice(rest, _CHUNK)):
            for pixels, differed in pool.map(lambda item: decode(item[0], item[1], size), chunk):
                images[done] = pixels
                resized += differed
                done += 1
    return torch.from_numpy(images), resized


@contextmanager
def _opened(encoded: Encoded, name: str) -> Iterator[Image.Image]:
    """The image, its pixels not yet decoded; whatever fails inside is an `InputError`."""
    try:
        if isinstance(encoded, Image.Image):
            yield encoded
            return
        source = io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded
        with Image.open(source, formats=FORMATS) as image:
            yield image
    except Exception as error:  # on damaged bytes, decoders raise almost anything
        reason = "no known image format" if isinstance(error, UnidentifiedImageError) else error
        raise InputError(f"cannot read image {name!r} ({reason}); replace or remove it") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit greys to white instead of scaling them.
        wide = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray(((wide + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _fit(image: Image.Image, size: int) -> tuple[NDArray[Any], bool]:
    width, height = image.size
    if (width, height) == (size, size):
        return np.asarray(image), False
    side = min(width, height)
    # Whole pixels, so that an image whose shorter side already fits is cut and not blurred.
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    # Pillow widens the filter with the reduction: this is anti-aliased.
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box)), True
