"""What the writing benchmark writes: formats and sizes, images, and the rows beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...assets import FASHION_MNIST_TEST
from ...assets.embedded import EMBEDDED_CLASSES
from ...data.source import load_unlabelled

CLASSES = tuple(name.partition(":")[0] for name in EMBEDDED_CLASSES)
SMALL = 32
"""Side of the smallest images."""
LEAST_IMAGES = 32


@dataclass(frozen=True)
class WritingCase:
    """One kind of shard."""

    shard_format: str
    image_format: str | None
    """`None` where pixels are stored as they are."""
    size: int
    """Side of the images in pixels."""


_ENCODED = {"webdataset": "jpg", "parquet": "jpg", "folder": "png", "npy": None}

CASES = {
    f"{shard_format}-{image_format or 'raw'}-{size}": WritingCase(shard_format, image_format, size)
    for shard_format, image_format in _ENCODED.items()
    for size in (SMALL, 256, 512)
}


def images_of(size: int, most: int) -> Tensor:
    """Images uint8 `[N, size, size, 3]`; `most` of the smallest, of larger ones as many pixels.

    At 32 pixels those of the test set that ships; larger ones are smooth colours with a little
    noise, which compress about as photographs do.
    """
    if size == SMALL:
        return load_unlabelled(FASHION_MNIST_TEST, size)[:most]
    count = max(LEAST_IMAGES, most * SMALL**2 // size**2)
    generator = torch.Generator().manual_seed(size)
    coarse = torch.rand(count, 3, size // 16, size // 16, generator=generator)
    smooth = F.interpolate(coarse, size=size, mode="bicubic")
    noise = torch.randn(smooth.shape, generator=generator)
    pixels = (255 * (smooth + 0.01 * noise)).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous()


def rows_of(count: int) -> list[dict[str, Any]]:
    """What is known of each image, as a generator knows it."""
    return [
        {
            "index": index,
            "label": index % len(CLASSES),
            "class": CLASSES[index % len(CLASSES)],
            "prompt": f"a photo of a {CLASSES[index % len(CLASSES)]}, seen from the side",
            "negative_prompt": "",
            "language": "",
            "domain": "photo",
            "guidance": 1 + index % 9 / 2,
            "seed": 6364136223846793005 * index % 2**63,
            "rejected": [],
            "model": "0" * 64,
            "engine": "torch:compiled",
            "precision": "bf16",
        }
        for index in range(count)
    ]
