"""What the benchmark of a dataset's writing is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...base.settings import option


@dataclass(frozen=True)
class DatasetBenchSettings:
    """What is generated, and how it is written."""

    cases: tuple[str, ...] = option(("webdataset-jpg",), is_argument=True, shown="webdataset-jpg")
    """A format and that of its images, such as parquet-png, folder-jpg, npy."""
    images_per_class: int = 128
    """Of ten classes, in a round."""
    shard_size: int = 256
    """Images in a shard."""
    device: str = "cpu"
    """auto, cpu, cuda or cuda:N."""
    engine: str = "auto"
    """As for `zeroreal generate`."""
    precision: str = "auto"
    """What the models compute in: auto, fp32, bf16 or fp16."""
    batch_size: int | None = option(None, shown="what tuning finds")
    """Images of a batch."""
    steps: int = 12
    """Denoising steps."""
    rounds: int = 5
    """How often all take their turn."""
    work: Path | None = option(None, shown="the system's for temporary files")
    """A folder to write into for a while."""
