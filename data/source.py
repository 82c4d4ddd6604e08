"""Labelled images that somebody has: one way to open every kind of source."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..base.errors import InputError
from .arrays import find_arrays, open_arrays, together
from .class_names import info_class_names
from .decode import SUFFIXES, Encoded, decode_all, shorter_side
from .fashion_mnist import FASHION_MNIST_CLASSES, Split, find_idx_files, load_fashion_mnist
from .labelled import Labelled, check_range, joined
from .matching import Aliases, labels_in
from .parquet import has_images, open_parquet
from .settings import ReadSettings
from .shards import find_shards, open_shards

_LG = logging.getLogger(__name__)
_AS_STORED = ReadSettings()


@dataclass(frozen=True)
class LabelledImages:
    """Images of one size, on the CPU."""

    images: Tensor
    """uint8 `[N, S, S, 3]`, NHWC."""
    labels: Tensor
    """int64 `[N]`, indices into `classes`."""
    classes: tuple[str, ...]
    """In label order, those without an image included."""
    source: str
    """What the user named."""
    resized: int
    """How many images had another size before."""
    unreadable: tuple[str, ...] = ()
    """What is wrong with the images that were left out, a sentence each."""


def load_images(
    source: str | Path,
    size: int | None = None,
    classes: Sequence[str] | None = None,
    reading: ReadSettings = _AS_STORED,
) -> LabelledImages:
    """Load every image of `source`, to train on, at `size` pixels a side.

    `source` is a finished dataset of ours, of any format; a folder with a sub-folder of image files
    per class; WebDataset shards: a tar file, a folder of them or a pattern such as
    `shards/{00000..00009}.tar`; a Parquet file, or a folder of them, with the columns `image`
    (encoded bytes, or the struct of Hugging Face datasets) and `label` (names, or integers with the
    names in the schema's metadata); NumPy arrays: a folder with `X.npy` (uint8 `[N, H, W, 3]`) and
    `X.labels.npy`; a folder with the IDX files of Fashion-MNIST's training split; or the word
    `fashion-mnist`, which downloads that.

    Without `size`, the shorter side of the first image. Images of another size are scaled and
    cropped to the middle square, with one warning. Labels are positions in `classes`, or without
    them in those of the source, in its own order. Raises `InputError` where the source is missing,
    empty or damaged, or holds images of a class that is not in `classes`; `reading` says what to do
    about images that cannot be read.
    """
    loaded = read_images(source, "train", size, classes, reading=reading)
    if loaded.resized:
        count, side = len(loaded.images), loaded.images.shape[1]
        _LG.warning("resized %d of %d images to %d pixels a side", loaded.resized, count, side)
    return loaded


def load_unlabelled(source: str | Path, size: int, reading: ReadSettings = _AS_STORED) -> Tensor:
    """The images of `source`, uint8 `[N, size, size, 3]`, whatever their labels.

    `source` is any that `load_images` reads, or a folder of image files without sub-folders.
    """
    folder = Path(source)
    files = sorted(_images(folder)) if folder.is_dir() else []
    if files:
        found = decode_all(((file, str(file)) for file in files), len(files), size, reading)
        tell_unreadable(found.unreadable, len(files), source)
        return found.images
    return read_images(source, "train", size, None, reading=reading).images


def read_images(
    source: str | Path,
    split: Split,
    size: int | None,
    classes: Sequence[str] | None,
    aliases: Aliases = (),
    reading: ReadSettings = _AS_STORED,
) -> LabelledImages:
    """What `load_images` does, without the warning.

    `split` is that of Fashion-MNIST. `aliases` are wordings besides the names in `classes`, each
    with the name that it stands for, as in `match_classes`.
    """
    if size is not None and size < 1:
        raise InputError(f"image size {size} should be at least 1 pixel")
    found = _open(source, split)
    if not len(found.labels):
        raise InputError(f"{str(source)!r} holds no images")
    labels = labels_in(found, classes, aliases, source)
    pictures = iter(found.pictures)
    if size is None:
        size, pictures = first_side(pictures, source, reading)
    names = tuple(found.names if classes is None else classes)
    if found.arrays and all(array.shape[1:3] == (size, size) for array in found.arrays):
        images = together(found.arrays)
        return LabelledImages(images, torch.from_numpy(labels), names, str(source), resized=0)
    read = decode_all(pictures, len(labels), size, reading)
    tell_unreadable(read.unreadable, len(labels), source)
    kept = torch.from_numpy(labels[read.kept])
    return LabelledImages(read.images, kept, names, str(source), read.resized, read.unreadable)


def first_side(
    pictures: Iterator[tuple[Encoded, str]], source: object, reading: ReadSettings
) -> tuple[int, Iterator[tuple[Encoded, str]]]:
    """The shorter side in pixels of the first image that can be read, and all `pictures` again."""
    begun: list[tuple[Encoded, str]] = []
    for picture in pictures:
        begun.append(picture)
        try:
            return shorter_side(*picture, reading.max_image_pixels), chain(begun, pictures)
        except InputError:
            if not reading.skip_unreadable:
                raise
    raise InputError(f"{str(source)!r} holds no image that can be read")


def tell_unreadable(unreadable: Sequence[str], count: int, source: object) -> None:
    """Say once which of `count` images are left out, and why; `InputError` where all are."""
    if not unreadable:
        return
    listed = "; ".join(unreadable)
    if len(unreadable) == count:
        raise InputError(f"{str(source)!r} holds no image that can be read: {listed}")
    _LG.warning("left out %d of %d images of %s: %s", len(unreadable), count, source, listed)


def open_images(source: str | Path) -> Labelled:
    """Every label of `source`, any that `load_images` reads, its images as they are asked for."""
    return _open(source, "train")


def _open(source: str | Path, split: Split) -> Labelled:
    if source == "fashion-mnist":
        return _open_fashion_mnist(None, split)
    # Before Parquet, because a Parquet file of metadata may lie beside each shard.
    if shards := find_shards(source):
        return open_shards(shards)
    if arrays := find_arrays(source):
        return open_arrays(arrays)
    path = Path(source)
    if path.is_file():
        return open_parquet(path)
    if not path.is_dir():
        raise InputError(
            f"{str(source)!r} does not exist; give a folder with a sub-folder per class, a Parquet "
            f"file, WebDataset shards (.tar), or 'fashion-mnist'"
        )
    if find_idx_files(path, split):
        return _open_fashion_mnist(path, split)
    files = sorted(path.glob("*.parquet"))
    # Beside folders of classes, those without images hold metadata.
    if files and (any(has_images(file) for file in files) or not _sub_folders(path)):
        return joined([open_parquet(file) for file in files])
    return _open_folder(path)


def _open_fashion_mnist(folder: Path | None, split: Split) -> Labelled:
    images, labels = load_fashion_mnist(folder, split)
    where = folder or "Fashion-MNIST"
    check_range(labels.numpy(), FASHION_MNIST_CLASSES, where)
    pictures = ((Image.fromarray(i.numpy()), f"{where}, image {n}") for n, i in enumerate(images))
    return Labelled(FASHION_MNIST_CLASSES, labels.numpy(), pictures)


def _open_folder(folder: Path) -> Labelled:
    classes = info_class_names(folder)
    if classes is not None and "train" not in classes and (folder / "train").is_dir():
        folder = folder / "train"
    found = _sub_folders(folder)
    if not found:
        raise InputError(
            f"{str(folder)!r} has no sub-folders; it needs one per class, named after it"
        )
    names = found if classes is None else classes
    for name in found:
        if name not in names and any(_images(folder / name)):
            raise InputError(
                f"{str(folder / name)!r} holds images, and {name!r} is not among the classes in "
                f"'_info.json'; add it there, or remove the folder"
            )
    files = [
        (file, label)
        for label, name in enumerate(names)
        if name in found
        for file in _images(folder / name)
    ]
    labels = np.array([label for _, label in files], np.int64)
    return Labelled(names, labels, [(file, str(file)) for file, _ in files])


def _sub_folders(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")


def _images(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file():
            yield file
