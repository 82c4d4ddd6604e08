"""What the benchmarks of starting up are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...base.settings import option


@dataclass(frozen=True)
class ExportBenchSettings:
    """What is exported, and what it is built for."""

    architecture: str = "sd15"
    """Of random weights."""
    precision: str = "fp16"
    """Of the graphs: fp32, fp16 or bf16."""
    target: str | None = option(None, shown="none are built")
    """Build TensorRT plans as well, for a GPU such as sm_89."""
    batch: str = "1:8:16"
    """MIN:BEST:MAX batch of the plans."""
    work: Path | None = option(None, shown="the system's temporary folder")
    """A folder where some gigabytes have room for a while."""


@dataclass(frozen=True)
class LoadSettings:
    """How often the export is loaded."""

    runs: int = 5
    """New processes, each of which loads it once."""
