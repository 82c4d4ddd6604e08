"""Reading off a learning curve how many real images give an accuracy, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DRAWS = 2000
_LEVEL = 0.95


@dataclass(frozen=True)
class Equivalent:
    """How many real images are worth as much; infinite beyond the most that were tried.

    Zero where fewer than the fewest that were tried are.
    """

    images: float
    low: float
    high: float
    """Of the interval of 95 %."""


def equivalent(
    sizes: Sequence[int], right: NDArray[np.bool_], right_of_run: NDArray[np.bool_]
) -> Equivalent:
    """The number of real images that train as accurate a classifier as the run's is.

    Accuracies over sizes are made to rise by isotonic regression; between sizes, the logarithm of
    the number is interpolated. The interval is that of a bootstrap (Efron, 1979) over the images
    that were tested on, the same for both, and over the trainings of each size.

    Args:
        sizes: S numbers of real images, rising.
        right: which images each training tells right, `[S, T, N]`.
        right_of_run: which the run does, `[N]`.
    """
    _, trainings, count = right.shape
    generator = np.random.default_rng(0)
    found = []
    for _ in range(_DRAWS):
        images = generator.integers(count, size=count)
        weights = np.bincount(images, minlength=count) / count
        accuracies = right @ weights  # [S, T]
        drawn = generator.integers(trainings, size=accuracies.shape)
        means = np.take_along_axis(accuracies, drawn, axis=1).mean(1)
        found.append(_crossing(sizes, means, float(right_of_run @ weights)))
    tail = (1 - _LEVEL) / 2
    # Not interpolated: between numbers and infinity there is nothing.
    low, high = np.quantile(found, [tail, 1 - tail], method="nearest")
    middle = _crossing(sizes, right.mean((1, 2)), float(right_of_run.mean()))
    return Equivalent(middle, float(low), float(high))


def _crossing(sizes: Sequence[int], accuracies: NDArray[np.float64], wanted: float) -> float:
    """The size at which the accuracy, made to rise, is `wanted`."""
    rising = isotonic(accuracies)
    if wanted < rising[0]:
        return 0.0
    if wanted > rising[-1]:
        return float("inf")
    # Where it is flat, the least size.
    after = int(np.searchsorted(rising, wanted))
    if after == 0 or rising[after] == wanted:
        return float(sizes[after])
    low, high = rising[after - 1], rising[after]
    share = (wanted - low) / (high - low)
    return float(np.exp(np.interp(share, [0, 1], np.log([sizes[after - 1], sizes[after]]))))


def isotonic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest series that never falls, by least squares: neighbours that fall are pooled."""
    means: list[float] = []
    counts: list[int] = []
    for value in values:
        means.append(float(value))
        counts.append(1)
        while len(means) > 1 and means[-2] > means[-1]:
            count = counts[-2] + counts[-1]
            mean = (means[-2] * counts[-2] + means[-1] * counts[-1]) / count
            means[-2:], counts[-2:] = [mean], [count]
    return np.repeat(means, counts)
