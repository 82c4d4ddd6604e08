"""What every kernel shares: calling its native functions, and its `torch.library` operator."""

from __future__ import annotations

import ctypes
import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ._native import native_library, native_library_status

__all__ = [
    "FLOAT",
    "INT",
    "POINTER",
    "SIZE",
    "NativeKernel",
    "define_operator",
    "references_only",
]

logger = logging.getLogger(__name__)

POINTER, INT, SIZE, FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_float

_DTYPES = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}  # as in kernels/src/element.h
_OUT_OF_MEMORY = 2  # as in kernels/src/host.h

# The statuses of a GPU or driver that the CUDA library was not built for: InsufficientDriver,
# InvalidDeviceFunction (of attributes), NoKernelImageForDevice, UnsupportedPtxVersion.
_UNSERVED = (35, 98, 209, 222)

# Strides need no care from compilers: the kernels take any (`flexible_layout`).
_TAGS = (torch.Tag.pt2_compliant_tag, torch.Tag.flexible_layout)
_library = torch.library.Library("zeroreal", "FRAGMENT")
_references_only = ContextVar("references_only", default=False)


@contextmanager
def references_only() -> Iterator[None]:
    """Inside, PyTorch computes what our kernels would, as where their library is missing.

    For what the kernels are worth. Holds for calls in this thread; a CUDA graph replays what was
    recorded.
    """
    token = _references_only.set(True)
    try:
        yield
    finally:
        _references_only.reset(token)


@dataclass(frozen=True)
class NativeKernel:
    """The functions `zeroreal_NAME_cpu` and `zeroreal_NAME_cuda` of the native libraries.

    Both take arguments of `argument_types`, then int `threads` on the CPU, int `device` and pointer
    `stream` on CUDA, and return a status: 0 is success.
    """

    name: str
    argument_types: tuple[type, ...]

    def __call__(
        self, device: torch.device, *arguments: Tensor | torch.dtype | float | None
    ) -> bool:
        """Run it on the CPU, or launch it on the current stream of a CUDA device.

        Tensors are passed as pointers, dtypes as their numbers. False inside `references_only`, and
        where the library is missing or has no code for the GPU, said once: PyTorch must compute it
        then.

        Raises:
            MemoryError: where the CPU function finds no memory.
            RuntimeError: where the GPU refuses the launch.
        """
        if _references_only.get():
            return False
        function = _function(device.type, self)
        if function is None or device in _unserved_gpus():
            return False
        values = [_as_c(argument) for argument in arguments]
        if device.type == "cpu":
            status = function(*values, torch.get_num_threads())
            if status == _OUT_OF_MEMORY:
                raise MemoryError(f"no memory for the kernel {self.name}")
            return True
        stream = torch.cuda.current_stream(device).cuda_stream
        return _launched(self.name, device, function(*values, device.index, stream))


def define_operator(
    schema: str,
    native: Callable[..., Any],
    reference: Callable[..., Any],
    fake: Callable[..., Any],
) -> None:
    """Define `zeroreal::SCHEMA`: `native` on CPU and CUDA, `reference` on every other device.

    `fake` gives empty outputs for inputs without data.
    """
    name = schema.partition("(")[0]
    _library.define(schema, tags=_TAGS)
    _library.impl(name, native, "CPU")
    _library.impl(name, native, "CUDA")
    _library.impl(name, reference, "CompositeExplicitAutograd")
    torch.library.register_fake(f"zeroreal::{name}", fake, lib=_library)


def _as_c(argument: Tensor | torch.dtype | float | None) -> float | None:
    if isinstance(argument, Tensor):
        return argument.data_ptr()
    return _DTYPES[argument] if isinstance(argument, torch.dtype) else argument


def _launched(name: str, device: torch.device, status: int) -> bool:
    if status == 0:
        return True
    library = native_library("cuda")
    assert library is not None
    library.zeroreal_cuda_error.restype = ctypes.c_char_p
    message = library.zeroreal_cuda_error(status).decode()
    if status not in _UNSERVED:
        raise RuntimeError(f"the kernel {name} was not launched on {device}: {message}")
    logger.warning("PyTorch computes on %s, not our kernels: %s", device, message)
    _unserved_gpus().add(device)
    return False


@functools.cache
def _function(device: str, kernel: NativeKernel) -> Callable[..., int] | None:
    """The kernel's function for "cpu" or "cuda", declared, or None where the library is missing."""
    library = _usable_library(device)
    if library is None:
        return None
    function = library[f"zeroreal_{kernel.name}_{device}"]
    function.argtypes = (*kernel.argument_types, *((INT,) if device == "cpu" else (INT, POINTER)))
    return function


@functools.cache
def _usable_library(device: str) -> ctypes.CDLL | None:
    """The native library, or None, said once."""
    library = native_library(device)
    if library is None:
        reason = native_library_status()[device].reason
        logger.warning("PyTorch computes on %s, not our kernels: %s", device, reason)
    return library


@functools.cache
def _unserved_gpus() -> set[torch.device]:
    """The GPUs that the CUDA library turned out to have no code for."""
    return set()
