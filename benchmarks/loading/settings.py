"""What the benchmark of loaders is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.settings import option


@dataclass(frozen=True)
class LoaderSettings:
    """What is loaded, and where to."""

    cases: tuple[str, ...] = option((), is_argument=True, shown="all")
    """shift-32, crop-32, crop-224."""
    images: int = 4096
    """Images in memory, and in each round."""
    batch_size: int = 128
    """Images of a batch."""
    device: str = "auto"
    """Where the batches go: auto, cpu, cuda or cuda:N."""
    rounds: int = 7
    """How often each contender loads all images."""
