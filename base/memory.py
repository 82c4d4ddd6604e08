"""Memory of devices: how much is free, how much this process takes, and running out of it."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch

from .device import peak_memory_bytes
from .errors import InputError

__all__ = ["MemoryMeter", "free_memory", "is_out_of_memory"]

# What PyTorch's allocators, CUDA, cuBLAS, cuDNN and ONNX Runtime's arenas say; they have no class
# of error for it, or one for much else besides.
_OUT_OF_MEMORY = re.compile(
    "out of memory|can't allocate memory|not enough memory|failed to allocate memory|bad_alloc"
    "|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
_CONTROL_GROUPS = Path("/sys/fs/cgroup")
# Limit, use and statistics of this process's control group, in version 2 and in version 1.
_LIMITS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)
_SAMPLE_SECONDS = 0.001

Result = TypeVar("Result")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error`, of whatever engine, says that the device or the host is out of memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return not isinstance(error, InputError) and bool(_OUT_OF_MEMORY.search(str(error)))


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on `device` now, as far as the system and its control group tell."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    return min([_available(), *_left_in_control_group()])


class MemoryMeter:
    """What this process takes of a device's memory.

    On a CPU its resident memory; on a GPU what PyTorch has reserved and what is gone since the
    meter was made, which counts libraries with allocators of their own, and neighbours.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            self._base = torch.cuda.memory_reserved(device) + torch.cuda.mem_get_info(device)[0]

    def in_use(self) -> int:
        """Bytes taken now."""
        if self.device.type == "cuda":
            return max(0, self._base - torch.cuda.mem_get_info(self.device)[0])
        return _resident()

    def peak_during(self, work: Callable[[], Result]) -> tuple[Result, int]:
        """What `work` returns, and the most bytes taken while it ran.

        On a CPU sampled each millisecond. On a GPU, where allocators keep what they took, it is
        what they have at the end; what they kept from before is given back at the start.
        """
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            return work(), self.in_use()
        most, done = _resident(), threading.Event()

        def sample() -> None:
            nonlocal most
            while not done.wait(_SAMPLE_SECONDS):
                most = max(most, _resident())

        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        try:
            result = work()
        finally:
            done.set()
            sampler.join()
        return result, max(most, _resident())


def _resident() -> int:
    """Resident memory of this process; without /proc, the most that it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_memory_bytes(torch.device("cpu"))
    return pages * os.sysconf("SC_PAGE_SIZE")


def _available() -> int:
    """Memory of the machine that can be had without swapping; without /proc, all there is."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    fields = dict(line.split(":") for line in lines)
    return int(fields["MemAvailable"].split()[0]) * 1024


def _left_in_control_group() -> Iterator[int]:
    """What a container's limit, if there is one, leaves; pages of files can be dropped."""
    for limit, use, statistics in _LIMITS:
        try:
            most, used, counts = (
                (_CONTROL_GROUPS / name).read_text().split() for name in (limit, use, statistics)
            )
        except OSError:
            continue
        if most != ["max"]:
            dropped = int(counts[counts.index("inactive_file") + 1])
            yield max(0, int(most[0]) - int(used[0]) + dropped)
