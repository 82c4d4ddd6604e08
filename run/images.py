"""The images of an unfinished run, in a file of its folder."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ..base import InputError
from ..base.files import write_atomically
from ..train import Feed, ImagePool

GENERATED = "generated.safetensors"


def save_images(pool: ImagePool, folder: Path) -> None:
    """Save the images that are there, so that they need not be generated again."""
    images, labels, samples = pool.written()
    if len(samples):
        parts = {"images": images, "labels": labels, "samples": torch.tensor(samples)}
        write_atomically(folder / GENERATED, save(parts))


def restore_images(feed: Feed, folder: Path) -> None:
    """Take the images that `save_images` saved; `InputError` if they are damaged."""
    path = folder / GENERATED
    if not path.exists():
        return
    try:
        saved = load_file(path)
        feed.restore(saved["images"], saved["labels"], saved["samples"])
    except (SafetensorError, KeyError) as error:
        raise InputError(
            f"{str(path)!r} is damaged ({error}): remove it to generate its images again"
        ) from None
