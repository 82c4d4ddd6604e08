"""What a device can do at most, measured: the yardsticks that figures are shares of."""

from __future__ import annotations

from collections.abc import Callable

import torch

from . import timed

_TRIES = 5
_COPY_BYTES = {"cpu": 2**28, "cuda": 2**30}  # many times any cache
_MATMUL_SIDE = {"cpu": 2048, "cuda": 8192}
_REPEATS = {"cpu": 1, "cuda": 20}


def copy_bandwidth(device: torch.device) -> float:
    """Bytes a second of copying a large tensor, read and written bytes counted; the best of 5."""
    source = torch.ones(_COPY_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _fastest(lambda: target.copy_(source), device)


def matmul_ceiling(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP a second of multiplying large square matrices of `dtype`; the best of 5 tries."""
    side = _MATMUL_SIDE[device.type]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    return 2 * side**3 / _fastest(lambda: torch.mm(left, right, out=out), device)


def _fastest(work: Callable[[], object], device: torch.device) -> float:
    work()
    return min(timed(work, device, _REPEATS[device.type]) for _ in range(_TRIES))
