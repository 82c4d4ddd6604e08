"""Loads xformers, with the CUDA runtime that its wheel needs and a CUDA 13 PyTorch lacks.

xformers 0.0.35 is linked against libcudart.so.12. The dynamic linker takes a library that is loaded
already for one that is needed, so the one in the wheel nvidia-cuda-runtime-cu12 is loaded first.
PyTorch 2.15 happens to do so too.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

__all__ = ["load_cuda12_runtime", "xformers_attention", "xformers_not_supported_reasons"]

_CUDART = "libcudart.so.12"


def load_cuda12_runtime() -> None:
    """Load the CUDA 12 runtime that xformers needs, where xformers is installed and it is not.

    Must come before anything imports xformers, which `diffusers` does with its attention layers.
    """
    nvidia = importlib.util.find_spec("nvidia")
    if importlib.util.find_spec("xformers") is None or nvidia is None:
        return
    try:
        ctypes.CDLL(_CUDART)  # in the process or on the linker's path
    except OSError:
        folders = nvidia.submodule_search_locations or []
        paths = (Path(folder, "cuda_runtime", "lib", _CUDART) for folder in folders)
        for path in filter(Path.is_file, paths):
            ctypes.CDLL(str(path))


def xformers_not_supported_reasons(
    device: torch.device, dtype: torch.dtype, head_size: int
) -> tuple[str, ...]:
    """Why xformers cannot serve tensors of this kind; imports it for a CUDA device only."""
    if device.type != "cuda":
        return (f"it serves CUDA devices, not {device.type}",)
    operators, reason = _xformers_operators()
    if reason is not None:
        return (reason,)
    sample = torch.empty(1, 64, 1, head_size, device=device, dtype=dtype)  # [B, S, H, D]
    fmha = operators.fmha
    inputs = fmha.Inputs(sample, sample, sample, scale=1.0)
    reasons: list[str] = []
    for kernel in (fmha.flash3.FwOp, fmha.flash.FwOp, fmha.cutlass.FwOp):
        refusals = kernel.not_supported_reasons(inputs)
        if not refusals:
            return ()
        reasons += (f"{kernel.NAME}: {refusal}" for refusal in refusals)
    return tuple(reasons)


def xformers_attention(query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    """Attention over `[B, S, H, D]` by whichever kernel xformers prefers."""
    operators, _ = _xformers_operators()
    out: Tensor = operators.memory_efficient_attention_forward(query, key, value, scale=scale)
    return out


@functools.cache
def _xformers_operators() -> tuple[Any, str | None]:
    """The module `xformers.ops`, or why it cannot be used."""
    if importlib.util.find_spec("xformers") is None:
        return None, "xformers is not installed (pip install 'zeroreal[xformers]')"
    load_cuda12_runtime()
    try:
        operators = importlib.import_module("xformers.ops")
        failure = importlib.import_module("xformers._cpp_lib")._cpp_library_load_exception
    except Exception as error:  # whatever a build for another PyTorch raises
        return None, f"xformers does not import: {error}"
    if failure is None:
        return operators, None
    return None, (
        f"the extension of xformers does not load: {_first_cause(failure)} "
        "(pip install 'zeroreal[xformers]', and import zeroreal.kernels before diffusers)"
    )


def _first_cause(error: BaseException) -> BaseException:
    return error if error.__cause__ is None else _first_cause(error.__cause__)
