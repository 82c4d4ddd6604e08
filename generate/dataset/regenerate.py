"""One image of a dataset made again, and compared with the one that is there."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...base import InputError
from .commit import main_suffix
from .contents import shard_rows, stored_image
from .encoding import encoder_of
from .open_shard import on_host
from .opening import Dataset
from .record import RECORD, ShardRecord, read_record

# Of 255, on average: a few channel values round differently from machine to machine, and bf16
# differs more; another image differs by tens.
_ROUNDING = 3.0


@dataclass(frozen=True)
class Comparison:
    """An image made again beside the one of the dataset."""

    index: int
    row: dict[str, Any]
    """What the dataset says of it: class, prompt, guidance, seed."""
    shard: str
    stored: NDArray[np.uint8]
    """Pixels `[S, S, 3]`, decoded."""
    made: NDArray[np.uint8]
    """Pixels `[S, S, 3]`, encoded and decoded in the same way."""
    same_bytes: bool
    """Whether both are the same, encoded."""

    @property
    def largest_difference(self) -> int:
        """Of all pixel values, 0 to 255."""
        return int(np.abs(self.stored.astype(int) - self.made.astype(int)).max())

    @property
    def mean_difference(self) -> float:
        """Of all pixel values, 0 to 255."""
        return float(np.abs(self.stored.astype(int) - self.made.astype(int)).mean())

    @property
    def is_the_same(self) -> bool:
        """Whether it is the same image, but for rounding."""
        return self.same_bytes or self.mean_difference < _ROUNDING

    @property
    def verdict(self) -> str:
        """What the comparison came to, in a sentence."""
        if self.same_bytes:
            return "It is the same to the bit."
        figures = f"{self.largest_difference}/255 at most, {self.mean_difference:.3f} on average"
        if self.is_the_same:
            return f"It is the same but for rounding: pixels differ by {figures}."
        return f"It is another image: pixels differ by {figures}."

    def write(self, path: str) -> None:
        """Write both side by side, the stored one at the left, to a PNG file."""
        Image.fromarray(np.hstack([self.stored, self.made])).save(path, "png")


class _AllBut(Container[int]):
    """All numbers but one."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __contains__(self, number: object) -> bool:
        return number != self._number


def regenerate(dataset: Dataset, index: int) -> Comparison:
    """Make image `index` again, in the batch that it was made in, and compare.

    On the machine and engine that made it, it comes out to the bit; elsewhere it differs by
    rounding. Raises `InputError` for an index outside the dataset and a shard that is not there.
    """
    config, store = dataset.config, dataset.store
    if not 0 <= index < config.plan.samples:
        raise InputError(
            f"image {index} is not in {store.url!r}: it has images 0 to {config.plan.samples - 1}"
        )
    shard = config.plan.shard_of(index)
    stem, shard_format = config.plan.stem(shard), config.settings.format
    if not store.exists(stem + main_suffix(shard_format)):
        raise InputError(
            f"image {index} is not there yet: shard {stem!r} is missing, give the command that "
            "makes the dataset again"
        )
    record = read_record(store.read(stem + RECORD), stem + RECORD)
    with tempfile.TemporaryDirectory(prefix="zeroreal-regenerate-") as temporary:

        def reach(name: str) -> Path:
            return store.local(name, Path(temporary))

        place = index - shard.first
        stored = stored_image(shard_format, stem, place, index, record.files, reach)
        row = shard_rows(shard_format, stem, reach)[place]
    made = _made_again(dataset, index, record, row["seed"])
    return Comparison(index, row, stem, _pixels(stored), _pixels(made), _same(stored, made))


def _made_again(
    dataset: Dataset, index: int, record: ShardRecord, seed: int
) -> bytes | NDArray[np.uint8]:
    specs = dataset.plan[record.first : record.end]
    # The noise that the image was made from, whatever was rejected before it.
    specs[index - record.first] = replace(specs[index - record.first], seed=seed)
    for batch in dataset.generator.generate(specs, done=_AllBut(index)):
        encoder = encoder_of(dataset.config.settings, dataset.generator)
        images = on_host(batch)
        return images[0].numpy() if encoder is None else encoder.encode(images)[0]
    raise InputError(f"image {index} was no picture when it was made again: try another device")


def _pixels(image: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
    if not isinstance(image, bytes):
        return image
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))


def _same(stored: bytes | NDArray[np.uint8], made: bytes | NDArray[np.uint8]) -> bool:
    if isinstance(stored, bytes) and isinstance(made, bytes):
        return stored == made
    return bool(np.array_equal(np.asarray(stored), np.asarray(made)))
