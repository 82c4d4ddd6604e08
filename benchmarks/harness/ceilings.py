"""What a device can do at most, measured: the yardsticks that figures are shares of."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from ...report.results.conditions import gpu_figures
from .timing import timed

LEAST_SECONDS = 2.0
"""How long each is measured at least: clocks take a while to settle."""
_COPY_BYTES = {"cpu": 2**28, "cuda": 2**30}  # many times any cache
_MATMUL_SIDE = {"cpu": 2048, "cuda": 8192}
_REPEATS = {"cpu": 1, "cuda": 20}
_CLOCKS = ("clocks.sm", "clocks.mem")


@dataclass(frozen=True)
class Ceiling:
    """The most that a device reached."""

    best: float
    """Bytes or FLOP a second."""
    seconds: float
    """Spent on measuring it."""
    tries: int
    clocks: dict[str, str]
    """Of a GPU right after, in MHz, where they can be read."""


def copy_bandwidth(device: torch.device) -> float:
    """Bytes a second of copying a large tensor, read and written bytes counted."""
    return measure_copy(device).best


def matmul_ceiling(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP a second of multiplying large square matrices of `dtype`."""
    return measure_matmul(device, dtype).best


def measure_copy(device: torch.device) -> Ceiling:
    """`copy_bandwidth`, and how long it was measured."""
    source = torch.ones(_COPY_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return _measured(lambda: target.copy_(source), device, 2 * source.nbytes)


def measure_matmul(device: torch.device, dtype: torch.dtype) -> Ceiling:
    """`matmul_ceiling`, and how long it was measured."""
    side = _MATMUL_SIDE[device.type]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    if dtype == torch.float8_e4m3fn:
        one = torch.ones((), device=device)
        product = partial(torch._scaled_mm, out_dtype=torch.bfloat16, use_fast_accum=True)
        return _measured(lambda: product(left, right.t(), one, one), device, 2 * side**3)
    out = torch.empty_like(left)
    return _measured(lambda: torch.mm(left, right, out=out), device, 2 * side**3)


def _measured(work: Callable[[], object], device: torch.device, amount: int) -> Ceiling:
    """The best of as many tries as `LEAST_SECONDS` take; the first, which warms up, is none."""
    work()
    began, tries, fastest = time.perf_counter(), 0, float("inf")
    while tries == 0 or time.perf_counter() - began < LEAST_SECONDS:
        fastest = min(fastest, timed(work, device, _REPEATS[device.type]))
        tries += 1
    seconds = time.perf_counter() - began
    return Ceiling(amount / fastest, seconds, tries, gpu_figures(device, _CLOCKS))
