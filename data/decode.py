"""Decoding of image files to square RGB arrays of one size."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor

from ..base.errors import InputError
from ..base.limits import IMAGE_PIXELS
from ..base.memory import free_memory
from ..base.reading import open_regular
from ..base.sizes import size_text

# Pillow knows what it can open only after this, and threads must not race for it.
Image.init()
# Named, because Pillow would otherwise hand PostScript to Ghostscript.
_WANTED = {"PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF"}
FORMATS = tuple(sorted(_WANTED & Image.OPEN.keys()))
SUFFIXES = frozenset(
    suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS
)

# An image: its encoded bytes, the file that holds them, already open, or why there is none.
Encoded = bytes | Path | Image.Image | InputError

_CHUNK = 256
_SMALL = 2**13  # bytes
_PILLOWS_LIMIT = Lock()
_SAMPLE_FORMAT, _SMIN_SAMPLE_VALUE, _SMAX_SAMPLE_VALUE, _UNSIGNED = 339, 340, 341, 1
_Turn = Image.Transpose
_UPRIGHT = {
    2: _Turn.FLIP_LEFT_RIGHT,
    3: _Turn.ROTATE_180,
    4: _Turn.FLIP_TOP_BOTTOM,
    5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_270,
    7: _Turn.TRANSVERSE,
    8: _Turn.ROTATE_90,
}
"""What turns an image upright, by its orientation tag (Exif 2.3, 4.6.4)."""


@dataclass(frozen=True)
class Decoded:
    """Images of one size, without those that could not be read."""

    images: Tensor
    """uint8 `[n, size, size, 3]`."""
    kept: NDArray[np.bool_]
    """Of all N that were to be read, which these are."""
    resized: int
    """How many had another size."""
    unreadable: tuple[str, ...]
    """What is wrong with the others, a sentence each."""


def decode(
    encoded: Encoded, name: str, size: int, max_pixels: int | None = None
) -> tuple[NDArray[Any], bool]:
    """RGB uint8 `[size, size, 3]`, and whether the image had another size.

    The shorter side is scaled to `size` by anti-aliased bilinear interpolation and the middle kept.
    Orientation tags are obeyed where they can be read, transparency lies on white, 16-bit greys and
    floats of 0 to 1 keep their range, other greys of TIFF have that of their tags, and of several
    frames the first counts. Raises `InputError`,
    with `name`, for what cannot be decoded, for pixels of no known range, and for more of them than
    `max_pixels`, by default `IMAGE_PIXELS`.
    """
    with _opened(encoded, name, max_pixels) as image:
        image.load()  # first: while metadata is read, nothing may be wrong with the pixels
        turn, upright = _turn(image), _to_rgb(image)
        return _fit(upright if turn is None else upright.transpose(turn), size)


def stored_pixels(encoded: Encoded, name: str) -> NDArray[Any]:
    """RGB uint8 `[H, W, 3]` of an image that we wrote. Raises what `decode` does."""
    with _opened(encoded, name, None) as image:
        return np.asarray(image.convert("RGB"))


def shorter_side(encoded: Encoded, name: str, max_pixels: int | None = None) -> int:
    """The image's width or height in pixels, whichever is less. Raises what `decode` does."""
    with _opened(encoded, name, max_pixels) as image:
        return min(image.size)


def decode_all(
    pictures: Iterable[tuple[Encoded, str]],
    count: int,
    size: int,
    max_pixels: int | None = None,
    skip_unreadable: bool = False,
) -> Decoded:
    """`count` images at `size` pixels a side; raises what `decode` does, unless it is to skip them.

    Chunk by chunk, so that at most a chunk of images is held at full size, and where they are not
    small on a few threads (Pillow decodes without the interpreter lock).
    """
    images, kept = room_for(count, size), np.zeros(count, bool)
    resized, number, unreadable = 0, 0, list[str]()

    def attempt(picture: tuple[Encoded, str]) -> tuple[NDArray[Any], bool] | InputError:
        try:
            return decode(*picture, size, max_pixels)
        except InputError as error:
            if not skip_unreadable:
                raise
            return error

    rest = iter(pictures)
    with ThreadPoolExecutor() as pool:
        while chunk := list(islice(rest, _CHUNK)):
            is_quick = all(_is_small(encoded) for encoded, _ in chunk)
            for found in map(attempt, chunk) if is_quick else pool.map(attempt, chunk):
                if isinstance(found, InputError):
                    unreadable.append(str(found))
                else:
                    images[number - len(unreadable)], differed = found
                    kept[number] = True
                    resized += differed
                number += 1
    whole = torch.from_numpy(images[: number - len(unreadable)])
    return Decoded(whole, kept, resized, tuple(unreadable))


def _is_small(encoded: Encoded) -> bool:
    """Whether decoding takes less time than handing it to a thread."""
    if isinstance(encoded, bytes):
        return len(encoded) < _SMALL
    with suppress(OSError):
        return isinstance(encoded, Path) and encoded.stat().st_size < _SMALL
    return False


def room_for(count: int, size: int) -> NDArray[np.uint8]:
    """Memory for images, uint8 `[count, size, size, 3]`; `InputError` where there is not so much.

    Systems promise more than they have and end a process later.
    """
    needed, free = 3 * count * size * size, free_memory(torch.device("cpu"))
    if needed > free:
        raise InputError(
            f"{count:,} images of {size} pixels a side take {size_text(needed)} of memory, and "
            f"{size_text(free)} are free: read fewer of them, or smaller ones"
        )
    return np.empty((count, size, size, 3), np.uint8)


@contextmanager
def _opened(encoded: Encoded, name: str, max_pixels: int | None) -> Iterator[Image.Image]:
    """The image, its pixels not yet decoded; whatever fails inside is an `InputError`."""
    try:
        if isinstance(encoded, InputError):
            raise encoded
        if isinstance(encoded, Image.Image):
            yield encoded
            return
        file = io.BytesIO(encoded) if isinstance(encoded, bytes) else open_regular(encoded, "image")
        with file, _unread_image(file) as image:
            IMAGE_PIXELS.check(image.width * image.height, f"image {name!r}", most=max_pixels)
            yield image
    except InputError:
        raise
    except Exception as error:  # on damaged bytes, decoders raise almost anything
        reason = "no known image format" if isinstance(error, UnidentifiedImageError) else error
        raise InputError(f"cannot read image {name!r} ({reason}); replace or remove it") from error


def _unread_image(file: IO[bytes]) -> Image.Image:
    """The image in a file, its pixels not read, however many there are: that is for its caller."""
    with suppress(Image.DecompressionBombError):
        return Image.open(file, formats=FORMATS)
    # Pillow's own limit is that of the whole process, which others may open images in.
    file.seek(0)
    with _PILLOWS_LIMIT:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What turns the image as its orientation tag says."""
    try:
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # on damaged metadata, parsers raise almost anything; the pixels are whole
        return None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(_eight_bits(image))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> NDArray[np.uint8]:
    """Greys of another kind as uint8 `[H, W]`; `ValueError` where nothing says what is white."""
    values = np.asarray(image)
    if isinstance(image, TiffImageFile) and (named := _named_range(image)) is not None:
        return _scaled(values, image, *named)
    if image.mode == "F":
        if not (values.min() >= 0 and values.max() <= 1):  # not a number is neither
            raise ValueError("its floats are not all from 0 to 1; save it in 8 or 16 bits")
        return np.asarray(np.rint(values * 255), np.uint8)
    # Pillow has PGM of 16 bits as 32, and would clip all of them to white instead of scaling.
    if image.mode == "I" and image.format != "PPM":
        raise ValueError("its whole numbers have no known range; save it in 8 or 16 bits")
    return np.asarray((values.astype(np.int64).clip(0, 65535) + 128) // 257, np.uint8)


def _named_range(image: TiffImageFile) -> tuple[float, float] | None:
    """What a TIFF of 32 bits says to be black and white (TIFF 6.0, section 19), if it does."""
    if image.mode not in ("I", "F"):
        return None
    ends = [image.tag_v2.get(tag) for tag in (_SMIN_SAMPLE_VALUE, _SMAX_SAMPLE_VALUE)]
    black, white = (end[0] if isinstance(end, tuple) else end for end in ends)
    return None if black is None or white is None else (float(black), float(white))


def _scaled(
    values: NDArray[Any], image: TiffImageFile, black: float, white: float
) -> NDArray[np.uint8]:
    """Values as uint8, those out of range clipped; `ValueError` where all of them are."""
    if values.dtype == np.int32 and image.tag_v2.get(_SAMPLE_FORMAT, (1,))[0] == _UNSIGNED:
        values = values.view(np.uint32)  # which Pillow has as signed
    exact = values.astype(np.float64)
    if not (black < white and np.any((exact >= black) & (exact <= white))):
        raise ValueError(f"its tags name the range {black:g} to {white:g}, and no value is in it")
    if np.isnan(exact).any():
        raise ValueError("it has values that are not a number")
    share = (exact.clip(black, white) - black) / (white - black)
    return np.asarray(np.rint(share * 255), np.uint8)


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
