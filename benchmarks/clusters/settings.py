"""What the benchmark of several workers is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...base.settings import option


@dataclass(frozen=True)
class WorkersSettings:
    """How many workers, and what they make."""

    workers: int = 2
    """Workers that are compared with one; each has a core."""
    images: int = 6000
    """Of the dataset that is made in each round by each contender."""
    shard_size: int = 100
    """Images in a shard."""
    steps: int = 4
    """Denoising steps for each image."""
    rounds: int = 5
    """How often each contender makes the dataset."""
    work: Path | None = option(None, shown="the system's for temporary files")
    """A folder to write into for a while."""
