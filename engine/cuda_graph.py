"""CUDA graphs: an engine's work for given input shapes, launched as one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..base.errors import InputError
from .engine import Engine
from .graph import check_inputs
from .torch.eager import named_outputs

__all__ = ["CudaGraphEngine", "GraphMemory", "record"]

_WARM_UP_RUNS = 2


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
class _Recorded:
    """A graph and the tensors that it reads and writes, which lie outside the shared memory."""

    graph: torch.cuda.CUDAGraph
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


class CudaGraphEngine:
    """Another engine's work, recorded once for each set of input shapes; see `Engine`.

    Where the caller gives no `outputs`, the results lie in the graph's own buffers: the next call
    with the same shapes overwrites them. All calls into engines that share a `memory` must be
    ordered among themselves, as on one stream.

    Args:
        engine: what is recorded; on a CUDA device, without waiting for the device while it runs.
        memory: shared by the engines of one generator; by default this engine's own.
        most_shapes: graphs to keep; the one that was not used for longest goes first.

    Raises `InputError` for an engine that is not on a CUDA device.
    """

    def __init__(
        self, engine: Engine, memory: GraphMemory | None = None, most_shapes: int = 4
    ) -> None:
        if engine.device.type != "cuda":
            raise InputError(
                f"the engine of {engine.spec.name} is on {engine.device}, CUDA graphs need a CUDA "
                "device: run it without them"
            )
        self.backend, self.spec = engine.backend, engine.spec
        self.profile, self.device = engine.profile, engine.device
        self._engine, self._most_shapes = engine, most_shapes
        self._memory = memory or GraphMemory.on(engine.device)
        self._recorded: OrderedDict[tuple[torch.Size, ...], _Recorded] = OrderedDict()

    @torch.inference_mode()
    def __call__(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Replay the graph of these shapes, recorded first if it is new; see `Engine`."""
        remedy = "give a size within it or build for a wider range"
        check_inputs(self.spec, inputs, self.device, self.profile, remedy)
        shapes = tuple(inputs[wanted.name].shape for wanted in self.spec.inputs)
        if shapes not in self._recorded:
            self._make_room()
            self._recorded[shapes] = _record(self._engine, self._memory, inputs)
        self._recorded.move_to_end(shapes)
        recorded = self._recorded[shapes]
        for name, buffer in recorded.inputs.items():
            buffer.copy_(inputs[name])
        recorded.graph.replay()
        return named_outputs(self.spec, list(recorded.outputs.values()), outputs)

    def _make_room(self) -> None:
        if len(self._recorded) < self._most_shapes:
            return
        torch.cuda.synchronize(self.device)  # it may still be running
        self._recorded.popitem(last=False)


def record(work: Callable[[], None], memory: GraphMemory) -> torch.cuda.CUDAGraph:
    """What `work` enqueues on its current stream, as a graph to replay; it must not wait for it.

    It is run first, as it picks algorithms and loads kernels then, which a graph cannot hold.
    """
    stream = memory.stream
    caller = torch.cuda.current_stream(stream.device)
    stream.wait_stream(caller)
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP_RUNS):
            work()
    caller.wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Other threads, a trainer's say, go on allocating while this one records.
    with torch.cuda.graph(graph, memory.pool, stream, capture_error_mode="thread_local"):
        work()
    return graph


def _record(engine: Engine, memory: GraphMemory, inputs: Mapping[str, Tensor]) -> _Recorded:
    buffers = {
        name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in inputs.items()
    }
    outputs = {name: torch.empty_like(result) for name, result in engine(buffers).items()}

    def work() -> None:
        engine(buffers, outputs)

    return _Recorded(record(work, memory), buffers, outputs)
