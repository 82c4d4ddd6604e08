"""Seconds of work on a device."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from ...base import InputError
from ...engine import GraphMemory, record


def timed(work: Callable[[], object], device: torch.device, repeats: int = 1) -> float:
    """Seconds that one call of `work` takes, of `repeats` in a row.

    On a GPU the device is waited for before the first and after the last, not in between.
    """
    _wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    _wait(device)
    return (time.perf_counter() - began) / repeats


def calibrated(work: Callable[[], object], device: torch.device, seconds: float) -> int:
    """How often `work` is to be repeated for a measurement of about `seconds`; warms up, too."""
    work()
    repeats, taken = 1, timed(work, device)
    while taken * repeats < seconds / 4:
        repeats *= 4
        taken = timed(work, device, repeats)
    return max(1, round(seconds / taken))


def replayed(work: Callable[[], object], device: torch.device, calls: int) -> Callable[[], None]:
    """`calls` calls of `work` as one CUDA graph, which takes no time of Python's between them.

    Raises whatever CUDA raises for work that waits for the device, or `InputError` for a CPU.
    """
    if device.type != "cuda":
        raise InputError(f"CUDA graphs need a CUDA device, not {device}: call the work itself")

    def all_calls() -> None:
        for _ in range(calls):
            work()

    replay: Callable[[], None] = record(all_calls, GraphMemory.on(device)).replay
    return replay


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
