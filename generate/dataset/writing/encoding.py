"""What encodes the images of a dataset."""

from __future__ import annotations

from ....data.encode import ImageEncoder
from ...generator import Generator
from ..config.settings import DatasetSettings


def encoder_of(settings: DatasetSettings, generator: Generator) -> ImageEncoder | None:
    """What encodes the images of a generator; None for the format that holds pixels."""
    if settings.format == "npy":
        return None
    return ImageEncoder(settings.image_format, settings.quality, device=generator.device)
