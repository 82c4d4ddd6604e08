"""Where graphs run: device facts, which engines this machine can use, and the user's errors."""

from .availability import EngineStatus, engine_statuses
from .device import describe_device, peak_memory_bytes, resolve_device, resolve_precision
from .environment import environment, library_versions
from .errors import InputError, unknown

__all__ = [
    "EngineStatus",
    "InputError",
    "describe_device",
    "engine_statuses",
    "environment",
    "library_versions",
    "peak_memory_bytes",
    "resolve_device",
    "resolve_precision",
    "unknown",
]
