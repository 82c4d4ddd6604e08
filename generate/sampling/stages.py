"""Seconds that each stage of generation takes, measured without making the device wait."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from .timeline import Timeline

STAGES = ("text", "denoise", "decode")


_NOTHING = nullcontext()


def unseen(name: str) -> AbstractContextManager[object]:
    """A part of a stage that nobody looks at."""
    return _NOTHING


class StageSeconds:
    """Totals of each stage; on a GPU between events on the stage's stream, where stages overlap."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.totals = dict.fromkeys(STAGES, 0.0)
        self.timeline: Timeline | None = None
        """Where there is one, it is told of every stage and its parts."""
        self._open: deque[tuple[str, torch.cuda.Event, torch.cuda.Event]] = deque()

    def part(self, name: str) -> AbstractContextManager[object]:
        """Let the timeline know what is enqueued inside as `name`."""
        return _NOTHING if self.timeline is None else self.timeline.interval(name)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what is enqueued inside as stage `name`."""
        if self.device.type != "cuda":
            started = time.perf_counter()
            with self.part(name):
                yield
            self.totals[name] += time.perf_counter() - started
            return
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        with self.part(name):
            yield
        ended.record()
        self._open.append((name, began, ended))

    def settle(self) -> None:
        """Add up the stages that the device has finished."""
        waiting = deque[tuple[str, torch.cuda.Event, torch.cuda.Event]]()
        while self._open:
            name, began, ended = stage = self._open.popleft()
            if ended.query():
                self.totals[name] += began.elapsed_time(ended) / 1e3
            else:
                waiting.append(stage)
        self._open = waiting
