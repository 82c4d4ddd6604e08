"""What a run's synthetic images are worth in real ones, and the learning curve that says so."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.files import write_atomically
from ...train.classifier.bounds import accuracy_interval
from .curve import Equivalent

WORTH = "worth.json"


@dataclass(frozen=True)
class Point:
    """Trainings on so many real images."""

    images: int
    accuracies: tuple[float, ...]
    """Of each training, on the real images that none trained on."""

    @property
    def mean(self) -> float:
        return float(np.mean(self.accuracies))


@dataclass(frozen=True)
class Worth:
    """A run's accuracy beside that of the same classifier trained on real images."""

    synthetic: int
    """Images that the run trained on."""
    accuracy: float
    """Of the run, on the images that `tested` counts."""
    tested: int
    source: str
    updates: int
    """Of the weights, in each training."""
    points: tuple[Point, ...]
    equivalent: Equivalent

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the run's accuracy."""
        return accuracy_interval(round(self.accuracy * self.tested), self.tested)

    @property
    def sentence(self) -> str:
        """For people."""
        found, least, most = self.equivalent, self.points[0].images, self.points[-1].images
        if found.images == 0:
            worth = f"fewer than {least:,} real ones, the fewest that were tried"
        elif math.isinf(found.images):
            worth = f"more than the {most:,} real ones that there were"
        else:
            worth = f"about {_rounded(found.images)} real ones"
        ends = dict.fromkeys(self._end(images) for images in (found.low, found.high))
        return f"{self.synthetic:,} synthetic images are worth {worth} (95 %: {' to '.join(ends)})"

    def _end(self, images: float) -> str:
        """An end of the interval."""
        if images == 0:
            return f"under {self.points[0].images:,}"
        if math.isinf(images):
            return f"over {self.points[-1].images:,}"
        return _rounded(images)

    def content(self) -> dict[str, Any]:
        """As plain values, for JSON; null where a number is beyond those that were tried."""
        content = asdict(self)
        content["equivalent"] = {
            name: value if math.isfinite(value) else None
            for name, value in content["equivalent"].items()
        }
        return {**content, "interval": list(self.interval), "sentence": self.sentence}

    def write(self, folder: Path) -> None:
        """Write it into the run's folder."""
        text = json.dumps(self.content(), indent=2, ensure_ascii=False) + "\n"
        write_atomically(folder / WORTH, text.encode())


def points_of(sizes: list[int], right: NDArray[np.bool_]) -> tuple[Point, ...]:
    """The points of a curve: which images each training told right, `[S, T, N]`."""
    return tuple(
        Point(size, tuple(each.mean(1).tolist())) for size, each in zip(sizes, right, strict=True)
    )


def _rounded(images: float) -> str:
    """To two digits: no curve tells more."""
    digits = 1 - math.floor(math.log10(images))
    return f"{round(images, min(0, digits)):,.0f}"
