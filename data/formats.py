"""The formats of datasets and of images in them, for settings too: free of PyTorch."""

from __future__ import annotations

from typing import Literal, get_args

SHARD_FORMATS = ("webdataset", "parquet", "folder", "npy")
"""What a shard can be written as."""

ImageFormat = Literal["jpg", "png", "webp"]
IMAGE_FORMATS: tuple[ImageFormat, ...] = get_args(ImageFormat)
"""Suffixes of the files, which name their formats."""

DEFAULT_QUALITY = {"jpg": 95, "webp": 90}
"""Of the formats that lose something."""
