"""The library ONNX Runtime and its execution providers: what is installed, and what it can use."""

from __future__ import annotations

import functools
import logging
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import torch

from ...base.errors import InputError, unknown

_log = logging.getLogger(__name__)

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


def onnxruntime_library() -> Any:
    """The module `onnxruntime`; `InputError` with the remedy where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            "engine 'onnxruntime' needs onnxruntime, which is not installed: "
            "pip install 'zeroreal[onnx]' (or 'zeroreal[gpu]' for CUDA)"
        ) from None
    return onnxruntime


@functools.cache
def load_cuda_libraries() -> None:
    """Load the CUDA and cuDNN of installed wheels, which ONNX Runtime does not find by itself."""
    preload = getattr(onnxruntime_library(), "preload_dlls", None)  # from version 1.21 on
    if preload is not None:
        with redirect_stdout(StringIO()) as said:  # it prints what it does not find
            preload()
        _log.debug("ONNX Runtime looked for CUDA: %s", said.getvalue().strip() or "found")


def provider_not_supported_reasons(provider: str) -> tuple[str, ...]:
    """Why ONNX Runtime cannot run on `provider` (`cpu`, `cuda`, `tensorrt`) here, if it cannot."""
    if provider not in PROVIDERS:
        raise unknown("ONNX Runtime provider", provider, PROVIDERS)
    available = onnxruntime_library().get_available_providers()
    if PROVIDERS[provider] not in available:
        return (
            f"the installed onnxruntime has no {PROVIDERS[provider]}, only "
            f"{', '.join(available)} (pip install 'zeroreal[gpu]' for CUDA)",
        )
    if provider != "cpu" and not torch.cuda.is_available():
        return ("there is no CUDA device",)
    return ()
