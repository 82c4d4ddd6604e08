"""Recording: work for a GPU, enqueued once and then launched as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch

from ..base.readers_writer_lock import RECORDING

__all__ = ["GraphMemory", "Recording", "keep_for_replays", "record"]

_kept: ContextVar[list[object] | None] = ContextVar("kept", default=None)


@dataclass(frozen=True)
class GraphMemory:
    """What graphs that never run at the same time share: working memory and the capture stream."""

    pool: Any
    stream: torch.cuda.Stream

    @classmethod
    def on(cls, device: torch.device) -> GraphMemory:
        """New memory on a CUDA device; it grows to the need of the largest graph."""
        return cls(torch.cuda.graph_pool_handle(), torch.cuda.Stream(device))


@dataclass(frozen=True)
class Recording:
    """A CUDA graph, with what its replays use beside tensors."""

    graph: torch.cuda.CUDAGraph
    kept: tuple[object, ...] = ()

    def replay(self) -> None:
        """Enqueue the recorded work on the current stream."""
        self.graph.replay()


def record(work: Callable[[], None], memory: GraphMemory) -> Recording:
    """Do `work`, and record what it enqueues on its current stream; it must not wait for it.

    It is done once before it is recorded, after what the current stream was given and before what
    that is given next: it picks algorithms and loads kernels then, which a graph cannot hold. The
    results are those of that run: nothing need be replayed for them. No other thread records, and
    none does what a recording cannot bear; see `RECORDING`.
    """
    stream = memory.stream
    caller = torch.cuda.current_stream(stream.device)
    stream.wait_stream(caller)
    try:
        with torch.cuda.stream(stream):
            work()
    finally:  # even where memory runs out half-way, for what is freed then serves the caller again
        caller.wait_stream(stream)
    stream.synchronize()  # as recording does at its start, but here nobody else has to wait
    graph, kept = torch.cuda.CUDAGraph(), list[object]()
    token = _kept.set(kept)
    try:
        # Other threads, a trainer's say, go on allocating while this one records.
        with (
            RECORDING.exclusive(),
            torch.cuda.graph(graph, memory.pool, stream, capture_error_mode="thread_local"),
        ):
            work()
    finally:
        _kept.reset(token)
    return Recording(graph, tuple(kept))


def keep_for_replays(resource: object) -> None:
    """Have `resource` live as long as the graph that this thread records, if it does."""
    kept = _kept.get()
    if kept is not None and not any(one is resource for one in kept):
        kept.append(resource)
