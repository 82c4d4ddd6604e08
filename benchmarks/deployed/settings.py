"""What the benchmark of deployed files is asked for. Free of PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...base.settings import option
from ...run.deploy.settings import DeploySettings
from ..serving.settings import ServeBenchSettings, batch_sizes


@dataclass(frozen=True)
class DeployBenchSettings:
    """The run, what its files are checked on, and how long each contender is measured."""

    run: Path | None = option(None, shown="a short one, made for it")
    """The folder of a finished run."""
    images_per_class: int = 100
    """Of the short run, of the embedded model's classes."""
    size: str = DeploySettings.size
    """Which pictures the files take: any, or fixed, of the classifier's own size."""
    synthetic: int = DeploySettings.synthetic
    """How many of the run's images to calibrate and check on."""
    data: str | None = option(None, shown="the shipped ones, for the embedded classes")
    """Real images to test on, as `zeroreal deploy` takes them."""
    batches: tuple[int, ...] = option(ServeBenchSettings.batches, read=batch_sizes)
    """Comma-separated: sizes of batches, of which each contender's best is measured."""
    seconds: float = 1.0
    """That a round of each contender takes, at batch 1 and again at its best."""
    rounds: int = 10
    """How often contenders take turns."""
