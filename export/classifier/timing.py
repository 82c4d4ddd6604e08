"""How fast classifiers' files run, measured in turns so that what else happens meets them all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .graph import Runner

BATCHES = (1, 32)
_ROUNDS = 5


@dataclass(frozen=True)
class Speed:
    """How long calls on so many images of the classifier's own size take."""

    batch: int
    calls: int
    p50_ms: float
    p99_ms: float
    images_per_second: float
    """Of the median call."""


def measure(
    runners: Mapping[str, Runner], size: int, seconds: float = 0.3
) -> dict[str, tuple[Speed, ...]]:
    """The speed of each runner for each of `BATCHES`, in rounds of about so many seconds each."""
    images = np.random.default_rng(0).integers(0, 256, (max(BATCHES), size, size, 3), np.uint8)
    times: dict[tuple[str, int], list[float]] = {}
    for number in range(_ROUNDS + 1):
        for name, run in runners.items():
            for batch in BATCHES:
                taken = _times(run, images[:batch], seconds if number else seconds / 10)
                if number:  # the first round warms up
                    times.setdefault((name, batch), []).extend(taken)
    return {name: tuple(_speed(batch, times[name, batch]) for batch in BATCHES) for name in runners}


def _times(run: Runner, images: NDArray[np.uint8], seconds: float) -> list[float]:
    taken: list[float] = []
    while not taken or sum(taken) < seconds:
        began = time.perf_counter()
        run(images)
        taken.append(time.perf_counter() - began)
    return taken


def _speed(batch: int, times: list[float]) -> Speed:
    p50, p99 = np.percentile(times, (50, 99))
    return Speed(batch, len(times), 1e3 * float(p50), 1e3 * float(p99), batch / float(p50))
