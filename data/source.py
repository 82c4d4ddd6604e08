"""Labelled images that somebody has: one way to open every kind of source."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import cast, get_args

import torch
from PIL import Image
from torch import Tensor

from ..base.errors import InputError
from .arrays import arrays_in, open_arrays, together
from .configurations import check_one_configuration
from .decode import Decoded, Encoded, decode_all, shorter_side
from .fashion_mnist import FASHION_MNIST_CLASSES, Split, find_idx_files, load_fashion_mnist
from .folders import is_image, open_folder
from .labelled import Labelled, check_range, joined
from .matching import Aliases, labels_in
from .named import has_pattern, is_shard, named_files
from .parquet import has_images, open_parquet
from .settings import ReadSettings
from .shards import open_shards
from .splits import files_of_split
from .walk import Walk, walk

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

    `source` is any that `load_images` reads, or a folder with image files directly in it.
    """
    folder = Path(source)
    walked = walk(folder) if folder.is_dir() else Walk()
    files = [file for file in walked.files if is_image(file)]
    if any(file.parent == folder for file in files):
        found = _decoded(((file, str(file)) for file in files), len(files), size, source, reading)
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
    found = _open(source, split, reading)
    if not len(found.labels):
        raise InputError(f"{str(source)!r} holds no images")
    labels = labels_in(found, classes, aliases, source, reading.label_order)
    pictures = iter(found.pictures)
    if size is None:
        size, pictures = first_side(pictures, source, reading)
    names = tuple(found.names if classes is None else classes)
    if found.arrays and all(array.shape[1:3] == (size, size) for array in found.arrays):
        images = together(found.arrays)
        return LabelledImages(images, torch.from_numpy(labels), names, str(source), resized=0)
    read = _decoded(pictures, len(labels), size, source, reading)
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


def _decoded(
    pictures: Iterable[tuple[Encoded, str]],
    count: int,
    size: int,
    source: object,
    reading: ReadSettings,
) -> Decoded:
    """What `decode_all` gives; those that are left out are told once, and may not be all."""
    found = decode_all(pictures, count, size, reading.max_image_pixels, reading.skip_unreadable)
    if found.unreadable:
        listed = "; ".join(found.unreadable)
        if not len(found.images):
            raise InputError(f"{str(source)!r} holds no image that can be read: {listed}")
        _LG.warning(
            "left out %d of %d images of %s: %s", len(found.unreadable), count, source, listed
        )
    return found


def open_images(source: str | Path, reading: ReadSettings = _AS_STORED) -> Labelled:
    """Every label of `source`, any that `load_images` reads, its images as they are asked for."""
    return _open(source, "train", reading)


def _open(source: str | Path, split: Split, reading: ReadSettings) -> Labelled:
    wanted = reading.split
    if source == "fashion-mnist":
        return _open_fashion_mnist(None, split, wanted)
    path = Path(source)
    if path.is_dir():
        return _open_in(path, split, reading)
    files = named_files(str(source))
    if not files:
        raise InputError(
            f"{str(source)!r} does not exist; give a folder with a sub-folder per class, a Parquet "
            f"file, WebDataset shards (.tar), or 'fashion-mnist'"
        )
    root = Path(os.path.commonpath([file.parent for file in files]))
    if wanted is not None or has_pattern(str(source)):
        files = files_of_split(files, root, wanted, source)
    return _open_files(files, root, source, reading)


def _open_files(
    files: Sequence[Path], root: Path, source: object, reading: ReadSettings
) -> Labelled:
    """Files that somebody named, in this order."""
    if all(is_shard(file) for file in files):
        return open_shards(files, root, reading.image_column, reading.label_column)
    if all(file.suffix == ".npy" for file in files):
        return open_arrays(files)
    for file in files:
        if is_shard(file) or file.suffix == ".npy" or is_image(file):
            what = "an image file, which has no label" if is_image(file) else "of another kind"
            raise InputError(
                f"{str(file)!r} of {str(source)!r} is {what}; name files of one kind, or a folder "
                "with a sub-folder of images per class"
            )
    return _open_tables(files, reading)


def _open_tables(files: Sequence[Path], reading: ReadSettings) -> Labelled:
    columns = reading.image_column, reading.label_column
    return joined([open_parquet(file, *columns) for file in files])


def _open_in(folder: Path, split: Split, reading: ReadSettings) -> Labelled:
    check_one_configuration(folder)
    walked, wanted = walk(folder), reading.split
    if arrays := arrays_in(walked.files):
        return open_arrays(files_of_split(arrays, folder, wanted, folder))
    if any(find_idx_files(folder, known) for known in _idx_splits(split, wanted)):
        return _open_fashion_mnist(folder, split, wanted)
    inside = [file.relative_to(folder).parts for file in walked.files if is_image(file)]
    images = {first for first, *rest in inside if rest}
    # Before Parquet, because a Parquet file of metadata may lie beside each shard; but beside
    # several folders of images, archives are what these came from.
    shards = [file for file in walked.files if is_shard(file)]
    if shards and len(images) < 2:
        return _open_files(files_of_split(shards, folder, wanted, folder), folder, folder, reading)
    tables = [file for file in walked.files if file.suffix.lower() == ".parquet"]
    # Beside folders of classes, those without images hold metadata.
    with_images = [file for file in tables if has_images(file, reading.image_column)]
    if with_images or (tables and not images):
        files = files_of_split(with_images or tables, folder, wanted, folder)
        return _open_tables(files, reading)
    return open_folder(folder, walked, wanted)


def _open_fashion_mnist(folder: Path | None, split: Split, wanted: str | None) -> Labelled:
    images, labels = load_fashion_mnist(folder, _idx_split(split, wanted))
    where = folder or "Fashion-MNIST"
    check_range(labels.numpy(), FASHION_MNIST_CLASSES, where)
    pictures = ((Image.fromarray(i.numpy()), f"{where}, image {n}") for n, i in enumerate(images))
    files = sorted(folder.rglob("*-ubyte*")) if folder else []
    return Labelled(FASHION_MNIST_CLASSES, labels.numpy(), pictures, files=files)


def _idx_splits(split: Split, wanted: str | None) -> Sequence[Split]:
    """Those of which there must be files for a folder to be Fashion-MNIST."""
    return get_args(Split) if wanted is not None else [split]


def _idx_split(split: Split, wanted: str | None) -> Split:
    """The split of Fashion-MNIST to read: `split` if none is wanted."""
    if wanted is None:
        return split
    if wanted not in get_args(Split):
        raise InputError(f"Fashion-MNIST has no split {wanted!r}: choose 'train' or 'test'")
    return cast(Split, wanted)
