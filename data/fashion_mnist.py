"""Fashion-MNIST from its IDX files: a local folder, or a download that the user asked for."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..base.cache_root import default_cache_root
from ..base.errors import InputError
from ..base.limits import ROWS, UNPACKED_BYTES
from ..base.reading import open_regular, read_at_most

# Wording of our own pipeline and test set; the files themselves hold only numbers 0..9.
FASHION_MNIST_CLASSES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)

Split = Literal["train", "test"]
_STEMS = {"train": "train", "test": "t10k"}
_UNSIGNED_BYTES = b"\0\0\x08"


def load_fashion_mnist(folder: Path | None, split: Split) -> tuple[Tensor, Tensor]:
    """Images uint8 `[N, 28, 28]` and labels int64 `[N]` of one split, in the order of the files.

    `folder` holds the IDX files, raw or gzipped, directly or where torchvision puts them
    (`FashionMNIST/raw`). `None` means the cache, filled by torchvision's download the
    first time. Raises `InputError` where the files are absent, damaged or do not belong together.
    """
    if folder is None:
        folder = default_cache_root()
        if find_idx_files(folder, split) is None:
            _download(folder, split)
    found = find_idx_files(folder, split)
    if found is None:
        name = f"{_STEMS[split]}-images-idx3-ubyte"
        raise InputError(
            f"no Fashion-MNIST files in {str(folder)!r}; it should hold {name}[.gz] and its labels"
        )
    images, labels = (_read_idx(path) for path in found)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise InputError(
            f"{str(found[0])!r} has the shape {images.shape} and {found[1].name!r} "
            f"{labels.shape}; expected [N, 28, 28] images and [N] labels of one split"
        )
    return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))


def as_rgb(images: Tensor, size: int) -> Tensor:
    """Grey images uint8 `[N, H, W]` resized with anti-aliasing: uint8 `[N, size, size, 3]`."""
    resized = F.interpolate(images[:, None].float(), size=size, mode="bilinear", antialias=True)
    grey = resized.round().to(torch.uint8).permute(0, 2, 3, 1)
    return grey.expand(-1, -1, -1, 3).contiguous()


def find_idx_files(folder: Path, split: Split) -> tuple[Path, Path] | None:
    """Paths of the images and labels of `split` under `folder`, or `None` if one is absent."""
    stem = _STEMS[split]
    for place in (folder, folder / "raw", folder / "FashionMNIST" / "raw"):
        for suffix in ("", ".gz"):
            images = place / f"{stem}-images-idx3-ubyte{suffix}"
            labels = place / f"{stem}-labels-idx1-ubyte{suffix}"
            if images.is_file() and labels.is_file():
                return images, labels
    return None


def _download(folder: Path, split: Split) -> None:
    from torchvision.datasets import FashionMNIST  # half a second to import, rarely needed

    try:
        FashionMNIST(str(folder), train=split == "train", download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"cannot download Fashion-MNIST to {str(folder)!r} ({error}); "
            f"name a local folder that holds its IDX files instead"
        ) from error


def _read_idx(path: Path) -> NDArray[Any]:
    """The array of bytes in an IDX file (http://yann.lecun.com/exdb/mnist), gzipped or not."""
    where = f"IDX file {str(path)!r}"
    try:
        with open_regular(path, "IDX file") as packed:
            file = gzip.GzipFile(fileobj=packed) if path.suffix == ".gz" else packed
            shape = _shape(file.read(4), file)
            if shape is None:
                raise EOFError("its header is no IDX header of bytes")
            ROWS.check(shape[0], where)
            size = math.prod(shape)
            UNPACKED_BYTES.check(size, where)
            data = read_at_most(file, size + 1)  # no more than it declares, whatever it unpacks to
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read {str(path)!r} ({error}); fetch the file again") from error
    if len(data) != size:
        raise InputError(f"{str(path)!r} is not a whole IDX file of bytes; fetch the file again")
    # Copied because PyTorch wants memory that can be written to.
    return np.frombuffer(data, np.uint8).reshape(shape).copy()


def _shape(magic: bytes, file: Any) -> tuple[int, ...] | None:
    """What the header of a file of bytes declares, after its first four; None for another kind."""
    if len(magic) < 4 or magic[:3] != _UNSIGNED_BYTES or not 1 <= magic[3] <= 3:
        return None
    sizes = file.read(4 * magic[3])
    return struct.unpack(f">{magic[3]}I", sizes) if len(sizes) == 4 * magic[3] else None
