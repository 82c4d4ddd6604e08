"""What the benchmarks of writing and of planning are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...base.settings import option


@dataclass(frozen=True)
class WritingSettings:
    """What is written, and where to."""

    cases: tuple[str, ...] = option((), is_argument=True, shown="all")
    """Such as webdataset-jpg-32 or folder-png-256."""
    images: int = 4096
    """Images of 32 pixels in a round; of larger ones as many pixels, but at least 32 images."""
    rounds: int = 7
    """How often each contender writes all images."""
    work: Path | None = option(None, shown="the system's for temporary files")
    """A folder to write into for a while."""


@dataclass(frozen=True)
class PlanBenchSettings:
    """How many shards are planned, and how often."""

    shards: int = 1_000_000
    """Of the dataset, half of them done."""
    rounds: int = 5
    """How often each is measured."""
