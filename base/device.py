"""Facts about devices: which to use, in which precision, and what they are called."""

from __future__ import annotations

import ctypes
import hashlib
import platform
import resource
import sys
from pathlib import Path

import torch

from .errors import InputError, unknown

PRECISIONS: dict[str, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
FP8 = "fp8"
"""8-bit floats in some layers, 16 bits in the others: of few engines, not the name of a dtype."""


def resolve_device(name: str = "auto") -> torch.device:
    """The device called `name`: `auto` (a GPU where there is one), `cpu`, `cuda` or `cuda:N`."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise unknown("device", name, ["auto", "cpu", "cuda", "cuda:0"]) from None
    if device.type not in ("cpu", "cuda"):
        raise unknown("device", name, ["auto", "cpu", "cuda", "cuda:0"])
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            there = ", ".join(["cpu", *(f"cuda:{index}" for index in range(count))])
            raise InputError(f"device {name!r} is not on this machine: choose from {there}")
    return device


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """The dtype called `name`; `auto` is the narrowest that the device computes natively."""
    if name == "auto":
        return _native_precision(device)
    if name == FP8:
        raise InputError(
            f"precision {FP8!r} is for generating images, by engines 'torch:compiled' and "
            "'tensorrt' on GPUs: "
            f"choose from auto, {', '.join(PRECISIONS)}"
        )
    if name not in PRECISIONS:
        raise unknown("precision", name, ["auto", *PRECISIONS])
    if name == "fp16" and device.type == "cpu":
        raise InputError("precision 'fp16' is slow and inexact on a CPU: use 'bf16' or 'fp32'")
    return PRECISIONS[name]


def matmul_dtype(name: str, device: torch.device) -> torch.dtype:
    """What is multiplied in the precision called `name`: as `resolve_precision`, of fp8 its own."""
    if name == FP8 and device.type == "cuda":
        return torch.float8_e4m3fn
    return resolve_precision(name, device)


def _native_precision(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        recent = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if recent else torch.float16
    # Without these instructions a CPU emulates bf16, slower than fp32.
    native = {"avx512_bf16", "amx_bf16"} & set(_cpu_fields().get("flags", "").split())
    return torch.bfloat16 if native else torch.float32


def _cpu_fields() -> dict[str, str]:
    """The first processor's fields in /proc/cpuinfo; empty where there is no such file."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    lines = text.split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def describe_device(device: torch.device) -> str:
    """The device in words: `NVIDIA H100 80GB HBM3`, `AMD EPYC, 2 threads`."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    model = _cpu_fields().get("model name") or platform.processor() or platform.machine()
    return f"{model}, {torch.get_num_threads()} threads"


def instruction_set(device: torch.device) -> str:
    """What the device executes: CPUs of one name differ, in virtual machines above all."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return f"sm_{major}{minor}"
    flags = _cpu_fields().get("flags", "")
    return f"instructions {hashlib.sha256(flags.encode()).hexdigest()[:8]}"


def driver_version() -> str:
    """The CUDA version that the GPU's driver brings, such as `13020`."""
    version = ctypes.c_int()
    library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    library.cuDriverGetVersion(ctypes.byref(version))
    return str(version.value)


def peak_memory_bytes(device: torch.device) -> int:
    """Peak memory: of the process on a CPU, of the allocator on a GPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    # Linux counts in KiB, macOS in bytes (getrusage(2)).
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
