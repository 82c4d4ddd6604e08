"""Real, labelled images to test a finished classifier on.

They are for evaluation only, never used to choose anything: no training step, no checkpoint, no
setting may depend on what this module loads.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..engine.errors import InputError
from .fashion_mnist import FASHION_MNIST_CLASSES, find_idx_files, load_fashion_mnist
from .image_files import SUFFIXES, Labelled, check_range, decode_all, read_image
from .parquet_images import open_parquet

__all__ = [
    "FASHION_MNIST_CLASSES",
    "RealImages",
    "load_fashion_mnist",
    "load_real_images",
    "read_image",
]

_LG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RealImages:
    """Test images at the classifier's input size, on the CPU."""

    images: Tensor
    """uint8 `[N, S, S, 3]`, NHWC."""
    labels: Tensor
    """int64 `[N]`, indices into `classes`."""
    classes: tuple[str, ...]
    """The run's classes in label order, those without an image included."""
    source: str
    """What the user named."""
    resized: int
    """How many images had another size before."""


def load_real_images(
    source: str | Path,
    classes: Sequence[str],
    size: int,
    aliases: Mapping[str, str] | None = None,
) -> RealImages:
    """Load every image of `source` at `size` pixels a side, labelled by position in `classes`.

    `source` is a folder with a sub-folder of image files per class; a Parquet file (or a folder of
    them) with the columns `image` (encoded bytes, or the struct of Hugging Face datasets) and
    `label` (names, or integers with the names in the schema's metadata); a folder with the IDX
    files of Fashion-MNIST's test split; or the word `fashion-mnist`, which downloads that.

    Class names match whatever their case, spaces, hyphens, underscores and slashes; `aliases` maps
    further wordings, such as display prompts, to names in `classes`. Raises `InputError` where the
    source is missing, empty or damaged, or holds images of a class that is not in `classes`.
    """
    found = _open(source)
    if not len(found.labels):
        raise InputError(f"test data {str(source)!r} holds no images")
    used = np.unique(found.labels)
    table = np.full(len(found.names), -1)
    table[used] = _match([found.names[i] for i in used], classes, aliases or {}, source)
    images, resized = decode_all(found.pictures, len(found.labels), size)
    if resized:
        _LG.info("resized %d of %d test images to %d pixels", resized, len(images), size)
    labels = torch.from_numpy(table[found.labels].astype(np.int64))
    return RealImages(images, labels, tuple(classes), str(source), resized)


def _open(source: str | Path) -> Labelled:
    if source == "fashion-mnist":
        return _open_fashion_mnist(None)
    path = Path(source)
    if path.is_file():
        return open_parquet(path)
    if not path.is_dir():
        raise InputError(
            f"test data {str(source)!r} does not exist; give a folder with a sub-folder per class, "
            f"a Parquet file, or 'fashion-mnist'"
        )
    if find_idx_files(path, "test"):
        return _open_fashion_mnist(path)
    if files := sorted(path.glob("*.parquet")):
        return _joined([open_parquet(file) for file in files])
    return _open_folder(path)


def _joined(parts: Sequence[Labelled]) -> Labelled:
    offsets = np.cumsum([0] + [len(part.names) for part in parts])
    return Labelled(
        [name for part in parts for name in part.names],
        np.concatenate(
            [part.labels + offset for part, offset in zip(parts, offsets, strict=False)]
        ),
        chain.from_iterable(part.pictures for part in parts),
    )


def _open_fashion_mnist(folder: Path | None) -> Labelled:
    images, labels = load_fashion_mnist(folder, "test")
    where = folder or "Fashion-MNIST"
    check_range(labels.numpy(), FASHION_MNIST_CLASSES, where)
    pictures = ((Image.fromarray(i.numpy()), f"{where}, image {n}") for n, i in enumerate(images))
    return Labelled(FASHION_MNIST_CLASSES, labels.numpy(), pictures)


def _open_folder(folder: Path) -> Labelled:
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")
    if not names:
        raise InputError(
            f"test data {str(folder)!r} has no sub-folders; it needs one per class, named after it"
        )
    files = [(file, label) for label, name in enumerate(names) for file in _images(folder / name)]
    labels = np.array([label for _, label in files], np.int64)
    return Labelled(names, labels, ((file, str(file)) for file, _ in files))


def _images(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()
    )


def _match(
    found: Sequence[str], classes: Sequence[str], aliases: Mapping[str, str], source: object
) -> list[int]:
    """For each class name of the data, its index in `classes`."""
    index = {name: i for i, name in enumerate(classes)}
    known = {_normal(alias): index[name] for alias, name in aliases.items() if name in index}
    # After the aliases, so that a class keeps its own name.
    known |= {_normal(name): i for name, i in index.items()}
    clash = [name for name, i in index.items() if known[_normal(name)] != i]
    if clash:
        raise InputError(
            f"classes {clash[0]!r} and {classes[known[_normal(clash[0])]]!r} differ only in case "
            f"or punctuation, so test data cannot tell them apart; rename one"
        )
    strange = [name for name in found if _normal(name) not in known]
    if strange:
        raise InputError(
            f"test data {str(source)!r} has classes that the run does not have: "
            f"{_listed(strange)}; the run has {_listed(classes)}. Remove or rename them in the data"
        )
    return [known[_normal(name)] for name in found]


def _normal(name: str) -> str:
    return re.sub(r"[\s_/\\-]+", " ", unicodedata.normalize("NFKC", name)).strip().casefold()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
