"""The machine's ceilings, in a process of their own: they take memory for a while."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import torch

from ...base import keep_freed_memory
from ..harness import Worker
from ..harness.ceilings import copy_bandwidth, matmul_ceiling
from .clocks import clocks
from .energy import energy_meter
from .roofline import Ceilings


@dataclass(frozen=True)
class MatmulCeiling:
    """What multiplying large matrices comes to."""

    flop_per_second: float
    joules_per_flop: float | None
    """None where energy cannot be read."""
    clocks: dict[str, float]
    """In MHz, right after."""


@dataclass(frozen=True)
class Limits:
    """What a machine can do at most, as measured."""

    bytes_per_second: float
    """Of copying."""
    copy_clocks: dict[str, float]
    matmul: dict[str, MatmulCeiling]
    """By precision, such as `bfloat16`."""

    def of(self, dtype: str) -> Ceilings:
        """The ceilings of work in a precision."""
        return Ceilings(self.matmul[dtype].flop_per_second, self.bytes_per_second)


class LimitsWorker:
    """Measures the ceilings of a device."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        if self._device.type == "cpu":
            keep_freed_memory()  # as the generator does

    def matmul(self, dtype: str) -> MatmulCeiling:
        """Of matrices of that precision."""
        meter, began = energy_meter(self._device), time.perf_counter()
        rate = matmul_ceiling(self._device, getattr(torch, dtype))
        joules = None if isinstance(meter, str) else meter.joules()
        watts = None if joules is None else joules / (time.perf_counter() - began)
        return MatmulCeiling(rate, None if watts is None else watts / rate, clocks(self._device))

    def copying(self) -> tuple[float, dict[str, float]]:
        """Bytes a second, and clocks right after."""
        return copy_bandwidth(self._device), clocks(self._device)


def measure_limits(device: torch.device, dtypes: Iterable[str]) -> Limits:
    """The ceilings of `device` in these precisions."""
    with Worker(partial(LimitsWorker, str(device))) as worker:
        rate, at = worker.call("copying")
        return Limits(rate, at, {dtype: worker.call("matmul", dtype) for dtype in dtypes})
