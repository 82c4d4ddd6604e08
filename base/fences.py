"""Fences: points in a stream's work that another stream's work must come after.

On a GPU they are CUDA events. On the CPU work is done when the call returns, so there is nothing to
wait for.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch

__all__ = ["Fence", "Fences", "fences_on"]

Fence = Any


class Fences(Protocol):
    """What makes fences on one device."""

    def record(self) -> Fence | None:
        """A fence behind all that the current stream was given so far."""

    def wait(self, fence: Fence) -> None:
        """Let the current stream's further work begin past `fence`; the host goes on."""

    def wait_on_host(self, fence: Fence) -> None:
        """Let the host go on past `fence` only."""


class _CudaEvents:
    def __init__(self, device: torch.device) -> None:
        self._device = device

    def record(self) -> Fence:
        return torch.cuda.current_stream(self._device).record_event()

    def wait(self, fence: Fence) -> None:
        torch.cuda.current_stream(self._device).wait_event(fence)

    def wait_on_host(self, fence: Fence) -> None:
        fence.synchronize()


class _Nothing:
    def record(self) -> None:
        return None

    def wait(self, fence: Fence) -> None:
        pass

    def wait_on_host(self, fence: Fence) -> None:
        pass


def fences_on(device: torch.device) -> Fences:
    """The fences of `device`."""
    return _CudaEvents(device) if device.type == "cuda" else _Nothing()
