"""Contenders of the throughput benchmark, as they are before and after their rounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..harness import BatchSearch, Rounds
from .contender import GeneratorName


@dataclass(frozen=True)
class FirstRun:
    """What the first run in a process of its own showed."""

    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    """`[N, size, size, 3]`."""
    load_seconds: float
    step_seconds: float | None
    peak_memory_bytes: int
    """Resident memory of the process on a CPU, that of PyTorch's allocator on a GPU."""
    device_memory_bytes: int | None
    """Taken from the GPU by everything, beyond the context."""

    @property
    def memory_bytes(self) -> int:
        """What it takes of the device in all."""
        return self.device_memory_bytes or self.peak_memory_bytes


@dataclass(frozen=True)
class Entrant:
    """A contender that is to take its turns, or why it cannot."""

    name: GeneratorName
    batch_size: int | None = None
    search: BatchSearch | None = None
    first: FirstRun | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Contest:
    """The contenders, and their rounds so far."""

    entrants: tuple[Entrant, ...]
    rounds: Rounds
    in_turn: bool
    """Whether all were in memory at once, and took turns."""
