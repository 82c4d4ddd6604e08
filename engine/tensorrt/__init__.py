"""TensorRT: plans built, cached, inspected and run."""

from .arena import ActivationArena
from .cached import BuiltPlan, built_plans, cached_plan
from .engine import TensorRTEngine, load_tensorrt
from .inspect import Inspection, inspect_plan
from .library import gpu_target, targets, tensorrt_library

__all__ = [
    "ActivationArena",
    "BuiltPlan",
    "Inspection",
    "TensorRTEngine",
    "built_plans",
    "cached_plan",
    "gpu_target",
    "inspect_plan",
    "load_tensorrt",
    "targets",
    "tensorrt_library",
]
