"""The images of an unfinished run, in files of its folder."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..base import InputError
from ..base.files import remove_half_written, write_atomically
from ..base.reading import parse_json
from ..base.sealed import DamagedFileError, read_sealed, sealed
from ..train import ImagePool
from ..train.loop.identity import as_written, difference

GENERATED = "generated"
"""The folder, in that of a run."""

_FILE_BYTES = 64 * 2**20  # of images: what a full disk, or a damage, loses at most


class ImageFiles:
    """Images that were generated, in a file for each time that they were saved, or several.

    A file is there whole or not at all, with a digest and what decided its images. Where images in
    the pool were replaced by others, the files that hold no other are removed.

    Args:
        folder: that of the run, which exists.
        identity: all that decides the images, by name.
        size: of the images, in pixels.
        seconds: about how often they are saved.

    Raises `InputError` for files that are damaged or hold images of something else.
    """

    def __init__(
        self, folder: Path, identity: Mapping[str, Any], size: int, seconds: float = math.inf
    ) -> None:
        self.folder = folder / GENERATED
        self._identity, self._size, self._seconds = as_written(identity), size, seconds
        self._at_once = max(1, _FILE_BYTES // (3 * size * size))
        self._files: dict[Path, list[int]] = {}
        self._places: dict[int, tuple[Path, int]] = {}
        self._pooled: set[int] = set()  # the samples that were in the pool
        self._saved = time.monotonic()
        self._is_whole = False
        remove_half_written(self.folder)
        for path in sorted(self.folder.glob("[0-9]*.safetensors")):
            self._add(path, self._checked(path)["samples"].tolist())

    @property
    def samples(self) -> Collection[int]:
        """The samples whose images are there."""
        return self._places.keys()

    def read(self, samples: Sequence[int]) -> Iterator[tuple[list[int], Tensor]]:
        """Those of `samples` that are there, some at a time: images uint8 `[B, S, S, 3]`."""
        by_file: dict[Path, list[int]] = {}
        for sample in samples:
            if sample in self._places:
                by_file.setdefault(self._places[sample][0], []).append(sample)
        for path, found in by_file.items():
            images = self._checked(path)["images"]
            self._pooled.update(found)
            yield found, images[[self._places[sample][1] for sample in found]]

    def save_when_due(self, pool: ImagePool) -> None:
        """Save what is new in `pool`, if it is time."""
        if time.monotonic() - self._saved >= self._seconds:
            self.save(pool)

    def save_for_good(self, pool: ImagePool) -> None:
        """Save what is new in `pool`, for the last time; files stay, whatever is freed there later.

        Where nothing is to be saved on the way, nothing is.
        """
        if self._seconds < math.inf:
            self.save(pool)
            self._is_whole = True

    def save(self, pool: ImagePool) -> None:
        """Save what is new in `pool`, file by file, so that of a full disk all is used."""
        if self._is_whole:
            return
        self.folder.mkdir(exist_ok=True)
        while True:
            images, _, samples = pool.written(self._at_once, but=self.samples)
            if not samples:
                break
            path = self._next_file()
            parts = {"images": images, "samples": torch.tensor(samples)}
            write_atomically(path, sealed(parts, json.dumps(self._identity)))
            self._add(path, samples)
            self._pooled.update(samples)
        self._drop_replaced(set(pool.samples_written()))
        self._saved = time.monotonic()

    def _add(self, path: Path, samples: list[int]) -> None:
        self._files[path] = samples
        self._places |= {sample: (path, row) for row, sample in enumerate(samples)}

    def _drop_replaced(self, held: set[int]) -> None:
        """Remove the files all of whose images were in the pool and are no more."""
        gone = self._pooled - held
        for path, samples in list(self._files.items()):
            if gone.issuperset(samples):
                path.unlink(missing_ok=True)
                del self._files[path]
                for sample in samples:
                    self._places.pop(sample, None)

    def _next_file(self) -> Path:
        for number in itertools.count(len(self._files)):
            path = self.folder / f"{number:05}.safetensors"
            if path not in self._files:
                return path
        raise AssertionError

    def _checked(self, path: Path) -> dict[str, Tensor]:
        """What a file holds."""
        try:
            file = read_sealed(path)
            if file.text is None:
                raise DamagedFileError("it has no digest")
            self._check(file.tensors)
            identity = parse_json(file.text, f"file {str(path)!r}")
        except InputError:
            raise
        except (DamagedFileError, KeyError, ValueError) as error:
            raise InputError(
                f"{str(path)!r} is damaged ({error}): remove it to generate its images again"
            ) from None
        if other := difference(identity, self._identity):
            raise InputError(
                f"{str(path)!r} holds images of {other.replace('this training', 'this run')}: "
                "restore config.yaml and what it names, or start a new run"
            )
        return file.tensors

    def _check(self, tensors: Mapping[str, Tensor]) -> None:
        images, samples = tensors["images"], tensors["samples"]
        if samples.dtype != torch.int64 or samples.ndim != 1:
            raise DamagedFileError(f"its samples are {samples.dtype} {tuple(samples.shape)}")
        shape = (len(samples), self._size, self._size, 3)
        if images.dtype != torch.uint8 or images.shape != shape:
            raise DamagedFileError(
                f"its images are {images.dtype} {tuple(images.shape)}, not torch.uint8 {shape}"
            )
        if len(samples.unique()) < len(samples):
            raise DamagedFileError("it has a sample twice")


def remove_images(folder: Path) -> None:
    """Remove the images of a run in `folder`, when they have served."""
    shutil.rmtree(folder / GENERATED, ignore_errors=True)
