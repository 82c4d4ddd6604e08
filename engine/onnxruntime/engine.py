"""ONNX Runtime: runs an exported graph on tensors where they lie, by IO binding."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...base.errors import InputError
from ..graph import GraphFile, Profile, check_inputs, output_buffers
from ..torch.eager import named_outputs
from .for_cpu import for_cpu
from .library import (
    PROVIDERS,
    load_cuda_libraries,
    onnxruntime_library,
    provider_not_supported_reasons,
)

# TensorProto.DataType of onnx.proto, which the binding speaks.
_ELEMENT_TYPES = {
    torch.float32: 1,
    torch.uint8: 2,
    torch.int64: 7,
    torch.float16: 10,
    torch.bfloat16: 16,
}
_REMEDY = "give another size"


class OnnxRuntimeEngine:
    """A graph in ONNX Runtime; see `Engine`.

    Args:
        graph: the exported graph.
        device: where inputs lie and outputs go.
        provider: `cpu`, `cuda` or `tensorrt`; by default the device's own.
        cache_folder: where the TensorRT provider keeps what it builds.
        lean: hold no second copy of the weights and give memory back at once; slower.

    On a GPU the graph runs on a stream of its own, which ONNX Runtime wants at the start; it and
    the caller's stream wait for each other on the device, not on the host.
    """

    backend = "onnxruntime"

    def __init__(
        self,
        graph: GraphFile,
        device: torch.device,
        *,
        provider: str | None = None,
        profile: Profile | None = None,
        cache_folder: Path | None = None,
        lean: bool = False,
    ) -> None:
        self.spec, self.device, self.profile = graph.spec, device, profile or {}
        self.provider = provider or device.type
        if reasons := provider_not_supported_reasons(self.provider):
            raise InputError(
                f"ONNX Runtime cannot use {self.provider!r}: {'; '.join(reasons)}: choose another"
            )
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        options = _options(lean)
        providers = _providers(self.provider, self._stream, cache_folder)
        tuned = self.provider == "cpu" and not lean and find_spec("onnx") is not None
        if self.provider != "cpu":
            load_cuda_libraries()
        self._session = _session(graph.path, tuned, options, providers)
        self._check_provider()
        self._run_options = onnxruntime_library().RunOptions()
        # The caller's stream keeps the order; the host need not wait.
        self._run_options.add_run_config_entry("disable_synchronize_execution_providers", "1")

    def __call__(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Run the graph; see `Engine`."""
        sizes = check_inputs(self.spec, inputs, self.device, self.profile, _REMEDY)
        binding = self._session.io_binding()
        kept = {name: tensor.contiguous() for name, tensor in inputs.items()}
        given = outputs or {}
        results = output_buffers(self.spec, sizes, self.device, given)
        for name, tensor in kept.items():
            binding.bind_input(name, *self._place(tensor))
        for name, tensor in results.items():
            binding.bind_output(name, *self._place(tensor))
        self._run(binding)
        return named_outputs(self.spec, list(results.values()), given)

    def _check_provider(self) -> None:
        """Complain where ONNX Runtime went over to another provider, which it does in silence."""
        wanted, used = PROVIDERS[self.provider], self._session.get_providers()
        if wanted not in used:
            raise InputError(
                f"ONNX Runtime could not load {wanted} and would run {self.spec.name} by "
                f"{', '.join(used)}: install the CUDA and cuDNN that it was built for "
                "(pip install 'zeroreal[gpu]'), or choose another engine"
            )

    def _place(self, tensor: Tensor) -> tuple[str, int, int, tuple[int, ...], int]:
        return (
            self.device.type,
            self.device.index or 0,
            _ELEMENT_TYPES[tensor.dtype],
            tuple(tensor.shape),
            tensor.data_ptr(),
        )

    def _run(self, binding: Any) -> None:
        if self._stream is None:
            self._session.run_with_iobinding(binding, self._run_options)
            return
        caller = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(caller)
        self._session.run_with_iobinding(binding, self._run_options)
        caller.wait_stream(self._stream)


def _session(path: Path, tuned: bool, options: Any, providers: list[Any]) -> Any:
    folder = "session.model_external_initializers_file_folder_path"
    options.add_session_config_entry(folder, str(path.parent))
    try:  # without falling back, which is printed and begins anew on the CPU
        model = for_cpu(path) if tuned else str(path)
        return onnxruntime_library().InferenceSession(
            model, options, providers=providers, enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime has a class for each of its error codes
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"ONNX Runtime cannot load {str(path)!r}: {reason}") from None


def _options(lean: bool) -> Any:
    options = onnxruntime_library().SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    if lean:
        # Optimising folds half-precision weights into float32 ones; packing copies them again.
        levels = onnxruntime_library().GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    return options


def _providers(
    provider: str, stream: torch.cuda.Stream | None, cache_folder: Path | None
) -> list[Any]:
    providers: list[Any] = [(PROVIDERS["cpu"], {})]
    if stream is not None:
        on_gpu = {
            "device_id": str(stream.device_index),
            "user_compute_stream": str(stream.cuda_stream),
        }
        # Tensor cores take convolutions channels-last.
        cuda = {"arena_extend_strategy": "kSameAsRequested", "prefer_nhwc": "1", **on_gpu}
        providers.insert(0, (PROVIDERS["cuda"], cuda))
        if provider == "tensorrt":
            built = {} if cache_folder is None else _trt_cache(cache_folder)
            providers.insert(0, (PROVIDERS["tensorrt"], {**on_gpu, **built}))
    return providers


def _trt_cache(folder: Path) -> dict[str, str]:
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder),
    }
