"""Running a graph: one `Engine` interface, its backends and their cache, and device facts."""

from .availability import EngineStatus, engine_statuses
from .cache import Cache
from .cache_entry import CacheKey
from .cuda_graph import CudaGraphEngine
from .engine import Engine
from .graph import DimensionRange, GraphFile, GraphSpec, Profile, TensorSpec
from .onnxruntime.engine import OnnxRuntimeEngine
from .recording import GraphMemory, Recording, record
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
from .torch.compiled import CompiledTorchEngine, compiled_engine
from .torch.eager import TorchEngine

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
    "Inspection",
    "OnnxRuntimeEngine",
    "Profile",
    "Recording",
    "TensorRTEngine",
    "TensorSpec",
    "TorchEngine",
    "built_plans",
    "cached_plan",
    "compiled_engine",
    "engine_statuses",
    "gpu_target",
    "inspect_plan",
    "load_tensorrt",
    "record",
    "targets",
    "tensorrt_library",
]
