"""Which engines can serve on this machine, and every reason why another cannot."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..base.device import describe_device
from ..base.errors import InputError
from .onnxruntime.library import PROVIDERS, onnxruntime_library, provider_not_supported_reasons
from .tensorrt.library import gpu_target, library_version, target_not_supported_reasons
from .torch.compiler import compiler_not_supported_reasons


@dataclass(frozen=True)
class EngineStatus:
    """An engine, its library's version and why it cannot serve; no reason means that it can."""

    name: str
    version: str | None
    not_supported_reasons: tuple[str, ...]

    @property
    def usable(self) -> bool:
        return not self.not_supported_reasons


def engine_statuses(device: torch.device) -> list[EngineStatus]:
    """The state of every engine on `device`, by the name that asks for it."""
    return [
        EngineStatus("torch", torch.__version__, ()),
        EngineStatus("torch:compiled", torch.__version__, compiler_not_supported_reasons()),
        *(_onnxruntime(provider, device) for provider in PROVIDERS),
        _tensorrt(device),
    ]


def _onnxruntime(provider: str, device: torch.device) -> EngineStatus:
    name = f"onnxruntime:{provider}"
    try:
        version = onnxruntime_library().__version__
        reasons = provider_not_supported_reasons(provider)
    except InputError as error:
        return EngineStatus(name, None, (str(error),))
    if (provider == "cpu") != (device.type == "cpu"):
        reasons = (*reasons, f"it does not serve {describe_device(device)}")
    return EngineStatus(name, version, reasons)


def _tensorrt(device: torch.device) -> EngineStatus:
    try:
        version = library_version()
    except InputError as error:
        return EngineStatus("tensorrt", None, (str(error),))
    if device.type != "cuda":
        reasons: tuple[str, ...] = ("it runs on CUDA devices only; it builds ahead of time here",)
    else:
        reasons = target_not_supported_reasons(gpu_target(device))
    return EngineStatus("tensorrt", version, reasons)
