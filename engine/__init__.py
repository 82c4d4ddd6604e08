"""Running a graph: one `Engine` interface, its backends and their cache, and device facts."""

from .availability import EngineStatus, engine_statuses
from .cache import Cache
from .cache_entry import CacheKey
from .cuda_graph import CudaGraphEngine, GraphMemory, record
from .device import (
    describe_device,
    instruction_set,
    peak_memory_bytes,
    resolve_device,
    resolve_precision,
)
from .digest import file_digest, key_digest
from .engine import Engine
from .environment import environment, library_versions
from .errors import InputError, unknown
from .graph import DimensionRange, GraphFile, GraphSpec, Profile, TensorSpec
from .host_memory import keep_freed_memory
from .onnxruntime_engine import OnnxRuntimeEngine
from .tensorrt import (
    ActivationArena,
    BuiltPlan,
    Inspection,
    TensorRTEngine,
    built_plans,
    cached_plan,
    gpu_target,
    inspect_plan,
    load_tensorrt,
    targets,
    tensorrt_library,
)
from .torch_compiled import CompiledTorchEngine, compiled_engine
from .torch_engine import TorchEngine

__all__ = [
    "ActivationArena",
    "BuiltPlan",
    "Cache",
    "CacheKey",
    "CompiledTorchEngine",
    "CudaGraphEngine",
    "DimensionRange",
    "Engine",
    "EngineStatus",
    "GraphFile",
    "GraphMemory",
    "GraphSpec",
    "InputError",
    "Inspection",
    "OnnxRuntimeEngine",
    "Profile",
    "TensorRTEngine",
    "TensorSpec",
    "TorchEngine",
    "built_plans",
    "cached_plan",
    "compiled_engine",
    "describe_device",
    "engine_statuses",
    "environment",
    "file_digest",
    "gpu_target",
    "inspect_plan",
    "instruction_set",
    "keep_freed_memory",
    "key_digest",
    "library_versions",
    "load_tensorrt",
    "peak_memory_bytes",
    "record",
    "resolve_device",
    "resolve_precision",
    "targets",
    "tensorrt_library",
    "unknown",
]
