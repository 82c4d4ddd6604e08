"""When each stage of generation worked, for those who measure it: begin and end on the device."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Interval:
    """One piece of work, in seconds after the timeline's start."""

    name: str
    began: float
    """On the device."""
    ended: float
    enqueued: tuple[float, float] | None = None
    """When the host began and ended giving it to a GPU; None where a graph's launch did that, and
    on a CPU, where giving is doing."""

    @property
    def seconds(self) -> float:
        """How long the device worked, or waited for work in between."""
        return self.ended - self.began


@dataclass(frozen=True)
class _Events:
    """A piece of a GPU's work that may not have ended yet."""

    name: str
    began: torch.cuda.Event
    ended: torch.cuda.Event
    enqueued: tuple[float, float] | None


class Timeline:
    """Notes intervals between `start` and `take`.

    On a GPU, between events on the current stream. Those of work that is recorded as a CUDA graph
    become part of it, and from the next `start` on stand for whatever its last replay did: record
    graphs of one shape only, and have them replayed.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._intervals: list[Interval] = []
        self._open: list[_Events] = []
        self._in_graph: list[_Events] = []
        self._replayed: list[_Events] = []  # of those in graphs, those recorded before the start

    def start(self) -> None:
        """Begin anew, at this moment; a GPU must have nothing to do."""
        self._intervals, self._open = [], []
        self._replayed = [*self._in_graph]
        if self._device.type == "cuda":
            self._origin = torch.cuda.Event(enable_timing=True)
            self._origin.record(torch.cuda.current_stream(self._device))
        self._began = time.perf_counter()

    @contextmanager
    def interval(self, name: str) -> Iterator[None]:
        """Note what is enqueued inside."""
        if self._device.type != "cuda":
            began = time.perf_counter() - self._began
            yield
            self._intervals.append(Interval(name, began, time.perf_counter() - self._began))
            return
        recording = torch.cuda.is_current_stream_capturing()
        first, last = (torch.cuda.Event(enable_timing=True, external=recording) for _ in range(2))
        began = time.perf_counter() - self._began
        first.record()
        yield
        last.record()
        given = (began, time.perf_counter() - self._began)
        if recording:
            self._in_graph.append(_Events(name, first, last, None))
        else:
            self._open.append(_Events(name, first, last, given))

    def take(self) -> tuple[Interval, ...]:
        """The intervals since the start, those in graphs last; a GPU must have ended its work."""
        found = [
            Interval(
                name=one.name,
                began=self._origin.elapsed_time(one.began) / 1e3,
                ended=self._origin.elapsed_time(one.ended) / 1e3,
                enqueued=one.enqueued,
            )
            for one in (*self._open, *self._replayed)
        ]
        return (*self._intervals, *found)
