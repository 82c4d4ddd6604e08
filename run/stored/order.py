"""In which order the images of a dataset reach training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ...generate import SampleSpec

_MOST_APART = 0.4  # of a block's classes from those of all images, as total variation
_BY_CHANCE = 0.05  # of the blocks of shuffled images may be so, at most
_LEAST_EACH = 4  # images of a class in what is compared: fewer are apart by chance


def is_mixed(labels: NDArray[np.int64], block: int) -> bool:
    """Whether each `block` of images in this order has about the classes that all have."""
    classes = int(labels.max()) + 1
    window = min(max(block, _LEAST_EACH * classes), len(labels))
    shares = np.bincount(labels, minlength=classes) / len(labels)
    begins = range(0, len(labels) - window + 1, window)
    apart = 0
    for begin in begins:
        own = np.bincount(labels[begin : begin + window], minlength=classes) / window
        apart += np.abs(own - shares).sum() / 2 > _MOST_APART
    return bool(apart <= _BY_CHANCE * len(begins))


def interleaved(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The images' numbers so that each class is spread evenly; equally many classes take turns."""
    counts = np.bincount(labels)
    by_class = np.argsort(labels, kind="stable")
    ordered = labels[by_class]
    rank = np.arange(len(labels)) - (np.cumsum(counts) - counts)[ordered]
    return by_class[np.lexsort((ordered, (rank + 0.5) / counts[ordered]))]


class StoredPlan(Sequence[SampleSpec]):
    """The specs of stored images, which have a label and no prompt; `labels` are in order."""

    def __init__(self, labels: NDArray[np.int64]) -> None:
        self._labels = labels

    def __len__(self) -> int:
        return len(self._labels)

    @overload
    def __getitem__(self, index: int) -> SampleSpec: ...
    @overload
    def __getitem__(self, index: slice) -> list[SampleSpec]: ...
    def __getitem__(self, index: int | slice) -> SampleSpec | list[SampleSpec]:
        if isinstance(index, slice):
            return [self._spec(i) for i in range(*index.indices(len(self._labels)))]
        return self._spec(range(len(self._labels))[index])

    def _spec(self, index: int) -> SampleSpec:
        return SampleSpec(index, int(self._labels[index]), "", "", guidance=1.0, seed=0)
