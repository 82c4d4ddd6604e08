from .allocator import keep_freed_memory
from .describe import describe_environment, library_versions
from .device import (
    describe_device,
    instruction_set,
    peak_memory_bytes,
    resolve_device,
    resolve_precision,
)
from .digest import file_digest, key_digest
from .errors import InputError, unknown

__all__ = [
    "InputError",
    "describe_device",
    "describe_environment",
    "file_digest",
    "instruction_set",
    "keep_freed_memory",
    "key_digest",
    "library_versions",
    "peak_memory_bytes",
    "resolve_device",
    "resolve_precision",
    "unknown",
]
