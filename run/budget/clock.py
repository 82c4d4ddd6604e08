"""When generation is to end, so that a run keeps to its time budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

KEPT_BACK = 0.03  # of the budget, for what takes longer than measured


@dataclass(frozen=True)
class Speeds:
    """What the parts of a run take on this machine, in seconds."""

    denoise: float
    """Of an image, with the settings as they were given."""
    decode: float
    """Of an image, likewise."""
    train: float
    """Of an image, in all epochs."""
    load: float
    """Of model and classifier."""
    finish: float
    """Of test and report."""


class GenerationClock:
    """Says when generation is to end, so that training on what is there keeps to the budget.

    Args:
        deadline: when the run is to be finished, on the clock `now`.
        speeds: of this machine.
        now: a clock in seconds.
    """

    def __init__(
        self, deadline: float, speeds: Speeds, now: Callable[[], float] = time.perf_counter
    ) -> None:
        self._deadline = deadline - speeds.finish
        self._train, self._now = speeds.train, now
        self.start()

    def start(self) -> None:
        """Begin generating: what passed before is not taken for a batch's time."""
        self._images, self._asked = 0, self._now()

    def is_over(self, images: int) -> bool:
        """Whether, with `images` so far, there is no time for another batch like the last."""
        now = self._now()
        batch, seconds = images - self._images, now - self._asked
        self._images, self._asked = images, now
        return now + seconds + (images + batch) * self._train > self._deadline


def deadline_of(seconds: float, started: float) -> float:
    """When a run of `seconds` that began at `started` is to be finished, a little kept back."""
    return started + (1 - KEPT_BACK) * seconds
