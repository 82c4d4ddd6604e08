"""What is read off a contender's runs of one seed: seconds to an accuracy, accuracy in a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Point:
    """One run."""

    images: int
    seconds: float
    accuracy: float


def seconds_to(points: Sequence[Point], level: float) -> float | None:
    """Seconds to accuracy `level`, from runs with more and more images; None if none reaches it.

    Between the first run that reaches it and the one before, accuracy is taken to be linear in the
    logarithm of the number of images, and seconds in that number. Where the first run of all
    reaches it, that run's seconds are given: fewer images might have done.
    """
    if points and points[0].accuracy >= level:
        return points[0].seconds
    for before, after in pairwise(points):
        if after.accuracy >= level:
            share = (level - before.accuracy) / (after.accuracy - before.accuracy)
            images = before.images * math.exp(share * math.log(after.images / before.images))
            part = (images - before.images) / (after.images - before.images)
            return before.seconds + part * (after.seconds - before.seconds)
    return None


def accuracy_in(points: Sequence[Point], seconds: float) -> float | None:
    """Accuracy that `seconds` suffice for; None outside the times that were measured.

    Linear in the logarithm of the seconds between the two runs around.
    """
    for point in points:
        if math.isclose(point.seconds, seconds):
            return point.accuracy
    for before, after in pairwise(points):
        if before.seconds <= seconds <= after.seconds:
            share = math.log(seconds / before.seconds) / math.log(after.seconds / before.seconds)
            return before.accuracy + share * (after.accuracy - before.accuracy)
    return None
