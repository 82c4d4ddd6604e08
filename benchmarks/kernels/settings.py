"""What the kernel benchmark is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.settings import option


@dataclass(frozen=True)
class KernelSettings:
    """Which kernels, and where."""

    kernels: tuple[str, ...] = option((), is_argument=True, shown="all")
    """Names of kernels, such as finish."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    rounds: int = 7
    """How often each contender takes its turn."""
