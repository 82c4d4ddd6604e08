"""Named ranges around stages and steps, for profilers: Nsight Systems' NVTX, PyTorch's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from ...generate.sampling.timeline import Timeline

STEP, _STEPS = "step", "denoise"
OpenRange = Callable[[str], AbstractContextManager[object]]
"""Opens a range of that name, which its end closes."""


def range_name(interval: str, step: int | None = None) -> str:
    """What an interval of a timeline is called: `denoise/step 3`, `decode/vae`, `text`."""
    if interval == STEP:
        return f"{_STEPS}/step {step}"
    return f"decode/{interval}" if interval in ("vae", "finish") else interval


def nvtx_ranges(device: torch.device) -> OpenRange:
    """NVTX ranges, which `nsys profile` shows; none without a GPU."""
    return torch.cuda.nvtx.range if device.type == "cuda" else lambda name: nullcontext()


class RangedTimeline(Timeline):
    """A timeline each of whose intervals is a range of a profiler, too.

    Steps that a CUDA graph replays have none of their own: the host does not meet them.
    """

    def __init__(self, device: torch.device, open_range: OpenRange) -> None:
        super().__init__(device)
        self._open_range, self._steps = open_range, 0

    @contextmanager
    def interval(self, name: str) -> Iterator[None]:
        """See `Timeline`."""
        self._steps = self._steps + 1 if name == STEP else 0 if name == _STEPS else self._steps
        with self._open_range(range_name(name, self._steps)), super().interval(name):
            yield
