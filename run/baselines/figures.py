"""What a baseline came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BaselineFigures:
    """The figures of what classified a run's test images without training."""

    method: str
    """`encoder` or `gaussians`."""
    encoder: str
    """As the user named it."""
    images: int
    accuracy: float
    interval: tuple[float, float]
    """95 % interval of the accuracy."""
    fitted_to: int | None
    """How many of the run's images Gaussians were fitted to; None where texts decide."""
    seconds: float
    """What it took, without loading the encoder."""

    @property
    def title(self) -> str:
        """What it is, for people."""
        encoder = Path(self.encoder).name
        if self.fitted_to is None:
            return f"{self.method} {encoder}"
        return f"{self.method} of {self.fitted_to:,} images, {encoder}"
