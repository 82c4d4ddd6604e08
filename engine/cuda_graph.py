"""CUDA graphs: an engine's work for given input shapes, launched as one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.errors import InputError
from .engine import Engine
from .graph import check_inputs, output_buffers
from .recording import GraphMemory, Recording, record
from .torch.eager import named_outputs

__all__ = ["CudaGraphEngine"]


@dataclass(frozen=True)
class _Recorded:
    """A graph and the tensors that it reads and writes, which lie outside the shared memory."""

    graph: Recording
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


class CudaGraphEngine:
    """Another engine's work, recorded when input shapes come again; see `Engine`.

    Only the largest batches so far are recorded, for smaller ones are what is left at an end and
    come in any size: those run as they are.

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
        self._largest, self._seen = 0, set[tuple[torch.Size, ...]]()  # shapes of the largest batch

    @torch.inference_mode()
    def __call__(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Replay the graph of these shapes, or run the engine and record it; see `Engine`."""
        remedy = "give a size within it or build for a wider range"
        sizes = check_inputs(self.spec, inputs, self.device, self.profile, remedy)
        shapes = tuple(inputs[wanted.name].shape for wanted in self.spec.inputs)
        if shapes in self._recorded:
            results = self._replay(shapes, inputs)
        elif self._comes_again(shapes):
            self._make_room()
            buffers = output_buffers(self.spec, sizes, self.device, {})
            self._recorded[shapes] = _record(self._engine, self._memory, inputs, buffers)
            results = buffers
        else:
            results = self._engine(inputs, outputs)
            self._note(shapes)
            return results
        return named_outputs(self.spec, list(results.values()), outputs)

    def _replay(
        self, shapes: tuple[torch.Size, ...], inputs: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        self._recorded.move_to_end(shapes)
        recorded = self._recorded[shapes]
        for name, buffer in recorded.inputs.items():
            buffer.copy_(inputs[name])
        recorded.graph.replay()
        return recorded.outputs

    def _comes_again(self, shapes: tuple[torch.Size, ...]) -> bool:
        return shapes in self._seen and shapes[0][0] == self._largest

    def _note(self, shapes: tuple[torch.Size, ...]) -> None:
        """Remember shapes that were run, and so fit into memory."""
        if shapes[0][0] > self._largest:
            self._largest = shapes[0][0]
            self._seen.clear()
        self._seen.add(shapes)

    def _make_room(self) -> None:
        if len(self._recorded) < self._most_shapes:
            return
        # It may still be running; other streams need not be waited for.
        torch.cuda.current_stream(self.device).synchronize()
        self._recorded.popitem(last=False)


def _record(
    engine: Engine,
    memory: GraphMemory,
    inputs: Mapping[str, Tensor],
    outputs: dict[str, Tensor],
) -> _Recorded:
    """Run the engine into `outputs`, and record that."""
    buffers = {
        name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in inputs.items()
    }

    def work() -> None:
        engine(buffers, outputs)

    return _Recorded(record(work, memory), buffers, outputs)
