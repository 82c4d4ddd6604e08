"""Images as encoded files: Pillow on a few threads, or JPEG by nvJPEG on the GPU."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image, features
from torch import Tensor

from ..base.errors import InputError, unknown
from .formats import DEFAULT_QUALITY, IMAGE_FORMATS

__all__ = ["ImageEncoder"]

# Run lengths alone (`Z_RLE` of zlib.h) take half the time of zlib's own search, and files of
# photographs are no larger.
_PNG = {"compress_level": 1, "compress_type": 3}
# The least effort takes under half the time of Pillow's default; files are 2 % larger.
_WEBP = {"method": 0}

# A thread takes images of so many bytes at a time: passing on single small ones costs more.
_BYTES_AT_ONCE = 2**18
# Pillow lets other threads run while it encodes these, and not while it encodes JPEG.
_ON_THREADS = ("png", "webp")


class ImageEncoder:
    """Encodes batches of images, the same images always to the same bytes.

    With a CUDA `device`, JPEG is encoded there by nvJPEG, whose bytes differ from the CPU's: it
    keeps colour at full resolution, where Pillow halves it. Everything else is encoded by Pillow on
    the CPU, wherever the images lie.

    Args:
        image_format: `jpg`, `png` or `webp`.
        quality: 1 to 100; `None` means 95 for JPEG and 90 for WebP. PNG loses nothing and has none.
        threads: on which to encode PNG and WebP; `None` means one for each core. Pillow encodes
            JPEG on one at a time.
        device: which encodes.
    """

    def __init__(
        self,
        image_format: str = "jpg",
        quality: int | None = None,
        threads: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if image_format not in IMAGE_FORMATS:
            raise unknown("image format", image_format, IMAGE_FORMATS)
        self.image_format: str = image_format
        self.quality = _quality(image_format, quality)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self.threads: int = (threads or cores or 1) if image_format in _ON_THREADS else 1
        """On which images are encoded on the CPU."""
        self._device = torch.device(device)
        self.on_gpu = self._device.type == "cuda" and image_format == "jpg"
        """Whether images are encoded where they lie, and need not come to the host."""
        self._pool = ThreadPoolExecutor(self.threads, "encode") if self.threads > 1 else None
        self._one = encoder_of_one(image_format, self.quality)

    @property
    def name(self) -> str:
        """What encodes, with versions and settings: the bytes depend on nothing else."""
        settings = "" if self.quality is None else f" q{self.quality}"
        if self.on_gpu:
            return f"nvjpeg (CUDA {torch.version.cuda}) jpg{settings} 4:4:4"
        return f"pillow {PIL.__version__} ({_library(self.image_format)}) " + (
            f"{self.image_format}{settings}"
        )

    def encode(self, images: Tensor) -> list[bytes]:
        """The file of each image, in order; `images` are uint8 `[B, S, S, 3]` on any device."""
        if self.on_gpu:
            return _on_gpu(images.to(self._device), self.quality or 0)
        pixels = images.contiguous().cpu().numpy()
        if self._pool is None or len(pixels) < 2:
            return self._chunk(pixels)
        size = pixels.nbytes // len(pixels)
        share = -(-len(pixels) // self.threads)
        at_once = max(1, min(share, _BYTES_AT_ONCE // size))
        chunks = [pixels[i : i + at_once] for i in range(0, len(pixels), at_once)]
        return [file for files in self._pool.map(self._chunk, chunks) for file in files]

    def _chunk(self, pixels: NDArray[Any]) -> list[bytes]:
        return [self._one(image) for image in pixels]

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def __enter__(self) -> ImageEncoder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def encoder_of_one(image_format: str, quality: int | None) -> Callable[[NDArray[Any]], bytes]:
    """A function that encodes one image, uint8 `[S, S, 3]` without gaps, with Pillow."""
    save = pillow_settings(image_format, quality)

    def encode(image: NDArray[np.uint8]) -> bytes:
        file = io.BytesIO()
        height, width, _ = image.shape
        # `fromarray` would copy the pixels twice.
        picture = Image.frombuffer("RGB", (width, height), image, "raw", "RGB", 0, 1)
        picture.save(file, **save)
        return file.getvalue()

    return encode


def pillow_settings(image_format: str, quality: int | None) -> dict[str, Any]:
    """What Pillow's `save` is given."""
    if image_format == "png":
        return {"format": "PNG", **_PNG}
    if image_format == "webp":
        return {"format": "WEBP", "quality": quality, **_WEBP}
    return {"format": "JPEG", "quality": quality}


def _quality(image_format: str, quality: int | None) -> int | None:
    if quality is None:
        return DEFAULT_QUALITY.get(image_format)
    if image_format not in DEFAULT_QUALITY:
        raise InputError(
            f"quality {quality} was given for {image_format}, which loses nothing and has no "
            f"quality; leave it out, or choose {' or '.join(DEFAULT_QUALITY)}"
        )
    if not 1 <= quality <= 100:
        raise InputError(f"image quality {quality} should be between 1 and 100")
    return quality


def _library(image_format: str) -> str:
    """The library that encodes for Pillow, with its version."""
    if image_format == "webp":
        return f"libwebp {features.version_module('webp')}"
    names = ("libjpeg_turbo", "jpg") if image_format == "jpg" else ("zlib_ng", "zlib")
    feature, codec = names
    version = features.version_feature(feature)
    return f"{feature} {version}" if version else f"{codec} {features.version_codec(codec)}"


def _on_gpu(images: Tensor, quality: int) -> list[bytes]:
    """JPEG files, encoded together and fetched in one copy."""
    from torchvision.io import encode_jpeg  # takes a while to import, and only GPUs need it

    if not len(images):
        return []
    channels_first = list(images.permute(0, 3, 1, 2).contiguous().unbind())
    # torchvision encodes on a stream of its own, which does not wait for what fills the images, and
    # copies the results on the default one (csrc/io/image/cuda/encode_jpegs_cuda.cpp).
    torch.cuda.current_stream(images.device).synchronize()
    try:
        files = encode_jpeg(channels_first, quality)
        torch.cuda.default_stream(images.device).synchronize()
    except RuntimeError as error:
        raise InputError(
            f"torchvision cannot encode JPEG on {images.device} ({error}); encode on the CPU"
        ) from error
    together = torch.cat(files).cpu().numpy().data
    ends = np.cumsum([len(file) for file in files]).tolist()
    return [bytes(together[end - len(file) : end]) for file, end in zip(files, ends, strict=True)]
