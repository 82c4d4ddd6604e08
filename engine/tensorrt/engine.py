"""TensorRT: runs a plan on the caller's tensors and stream."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...base.errors import InputError
from ..cache import Cache
from ..graph import GraphFile, Profile, check_inputs, output_buffers
from ..recording import keep_for_replays
from ..torch.eager import named_outputs
from .arena import ActivationArena
from .cached import cached_plan, plan_key
from .library import gpu_target, target_not_supported_reasons
from .plan import ContextMaker, deserialize
from .refit import refit
from .report import read_report
from .tensors import check_tensors, is_aligned, torch_dtype

__all__ = ["TensorRTEngine", "load_tensorrt"]

_log = logging.getLogger(__name__)

_REMEDY = (
    "build for it with 'zeroreal build DIR --engine tensorrt' and another --batch (or --size) "
    "MIN:BEST:MAX"
)


@dataclass
class _Context:
    """An execution context for one set of sizes, and the memory that it was given last."""

    execution: Any
    memory: int = 0


class TensorRTEngine:
    """A plan on a GPU; see `Engine`. For one thread at a time.

    The first call with new sizes makes a context for them and may compile kernels; further ones
    allocate only the outputs that the caller does not give, and can be recorded as a CUDA graph,
    which keeps the context alive. Tensors that do not begin where TensorRT wants it are copied. On
    the default stream, where TensorRT would wait for the device, it runs on one of its own.

    Args:
        folder: where `build_plan` wrote the plan.
        graph: the graph with the weights wanted; if the plan was built with others it is refitted.
        device: the CUDA device to run on.
        arena: working memory, shared with engines that never run at the same time.
        kernels: file for what `tensorrt_rtx` compiles on this GPU.
        most_contexts: sizes to keep a context of; the one that was not used for longest goes first.

    Raises `InputError` for a plan of another graph, GPU or library.
    """

    backend = "tensorrt"

    def __init__(
        self,
        folder: Path,
        graph: GraphFile,
        device: torch.device,
        *,
        arena: ActivationArena | None = None,
        kernels: Path | None = None,
        most_contexts: int = 8,
    ) -> None:
        self.report = read_report(folder)
        self.spec, self.profile = graph.spec, self.report.profile
        self.device = torch.empty(0, device=device).device  # `cuda` becomes `cuda:0`
        self._engine = deserialize(folder, self.report, self.device)
        self._check(graph)
        self.weights_digest = self.report.weights_digest
        if graph.weights_digest != self.weights_digest:
            self.refit(graph)
        self._arena = arena or ActivationArena(self.device)
        self._arena.reserve(self._engine.device_memory_size_v2)
        self._make = ContextMaker(self._engine, kernels)
        self._contexts: OrderedDict[tuple[int, ...], _Context] = OrderedDict()
        self._most_contexts = most_contexts
        self._side: torch.cuda.Stream | None = None  # of its own, once it is needed

    @torch.inference_mode()
    def __call__(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Run the plan; see `Engine`."""
        sizes = check_inputs(self.spec, inputs, self.device, self.profile, _REMEDY)
        given = outputs or {}
        dense = {name: tensor.contiguous() for name, tensor in inputs.items()}
        read = {name: x if is_aligned(x) else x.clone() for name, x in dense.items()}
        fitting = {name: tensor for name, tensor in given.items() if is_aligned(tensor)}
        written = output_buffers(self.spec, sizes, self.device, fitting)
        with torch.cuda.device(self.device):
            self._run(tuple(sizes.values()), {**read, **written})
        return named_outputs(self.spec, list(written.values()), given)

    def refit(self, graph: GraphFile) -> None:
        """Take the weights of `graph`, which has the architecture that the plan was built from.

        Waits for the GPU. Raises `InputError` for a plan not built for it, a graph of another
        architecture and for weights that are missing.
        """
        with torch.cuda.device(self.device):
            refit(self._engine, self.report, graph)
        self.weights_digest = graph.weights_digest

    def _check(self, graph: GraphFile) -> None:
        """Complain of a plan that was not built from a graph like this one."""
        found = {}
        for index in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(index)
            dtype = torch_dtype(self._engine.get_tensor_dtype(name))
            found[name] = (dtype, tuple(self._engine.get_tensor_shape(name)))
        wanted = (*graph.spec.inputs, *graph.spec.outputs)
        check_tensors(f"the plan of {self.report.graph}", wanted, found)

    def _run(self, sizes: tuple[int, ...], tensors: Mapping[str, Tensor]) -> None:
        """Enqueue the plan on the current stream with the addresses of `tensors`."""
        is_new = sizes not in self._contexts
        context, memory = self._context(sizes, tensors), self._arena.block()
        if context.memory != memory.data_ptr():
            context.memory = memory.data_ptr()
            context.execution.set_device_memory(context.memory, memory.numel())
        for name, tensor in tensors.items():
            context.execution.set_tensor_address(name, tensor.data_ptr())
        caller = torch.cuda.current_stream(self.device)
        stream = caller if caller.cuda_stream else self._beside(caller)
        succeeded = context.execution.execute_async_v3(stream.cuda_stream)
        if stream is not caller:
            caller.wait_stream(stream)
        if not succeeded:
            raise RuntimeError(f"TensorRT did not run {self.spec.name}: its log says why")
        keep_for_replays(context)
        if is_new:
            self._make.save_kernels()

    def _beside(self, caller: torch.cuda.Stream) -> torch.cuda.Stream:
        """Another stream than the default one, to go on behind it."""
        if self._side is None:
            self._side = torch.cuda.Stream(self.device)
        self._side.wait_stream(caller)
        return self._side

    def _context(self, sizes: tuple[int, ...], tensors: Mapping[str, Tensor]) -> _Context:
        if sizes not in self._contexts:
            if len(self._contexts) == self._most_contexts:
                torch.cuda.current_stream(self.device).synchronize()  # it may still be running
                self._contexts.popitem(last=False)
            context = _Context(self._make.make())
            for spec in self.spec.inputs:
                context.execution.set_input_shape(spec.name, tuple(tensors[spec.name].shape))
            self._contexts[sizes] = context
        self._contexts.move_to_end(sizes)
        return self._contexts[sizes]


def load_tensorrt(
    graph: GraphFile,
    profile: Profile,
    device: torch.device,
    cache: Cache,
    *,
    refittable: bool = False,
    arena: ActivationArena | None = None,
) -> TensorRTEngine:
    """The engine of `graph` out of `cache`: built here before, ahead of time, or else now.

    Raises `InputError` where TensorRT cannot serve the device, and as `build_plan` does.
    """
    if device.type != "cuda":
        raise InputError(f"engine 'tensorrt' runs on CUDA devices, not on {device.type!r}")
    target = gpu_target(device)
    if reasons := target_not_supported_reasons(target):
        raise InputError(
            f"engine 'tensorrt' cannot serve {torch.cuda.get_device_name(device)} ({target}): "
            f"{'; '.join(reasons)}: choose another engine"
        )
    key, shipped = (
        plan_key(graph, profile, target, refittable=refittable, ahead_of_time=ahead_of_time)
        for ahead_of_time in (False, True)
    )
    kernels = cache.root / "kernels" / f"{key.digest}.bin"
    folder = cache.find(key) or cache.find(shipped)
    if folder is not None:
        try:
            return TensorRTEngine(folder, graph, device, arena=arena, kernels=kernels)
        except InputError as error:
            _log.warning("a cached plan of %s is not used: %s", graph.spec.name, error)
    with torch.cuda.device(device):
        folder = cached_plan(
            graph, profile, target, cache, refittable=refittable, ahead_of_time=False
        )
    return TensorRTEngine(folder, graph, device, arena=arena, kernels=kernels)
