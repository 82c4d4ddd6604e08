"""Which engines can serve on this machine, and every reason why another cannot."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib import metadata

import torch


@dataclass(frozen=True)
class EngineStatus:
    """An engine, its library's version and why it cannot serve; no reason means that it can."""

    name: str
    version: str | None
    not_supported_reasons: tuple[str, ...]

    @property
    def usable(self) -> bool:
        return not self.not_supported_reasons


# Engine, importable module, and the extra that brings it.
_OPTIONAL_ENGINES = (
    ("onnxruntime", "onnxruntime", "gpu"),
    ("tensorrt", "tensorrt", "tensorrt"),
    ("tensorrt-rtx", "tensorrt_rtx", "tensorrt-rtx"),
)


def engine_statuses() -> list[EngineStatus]:
    """The state of every engine, the usable ones first."""
    torch_engine = EngineStatus("torch", torch.__version__, ())
    return [torch_engine, *(_optional(*engine) for engine in _OPTIONAL_ENGINES)]


def _optional(name: str, module: str, extra: str) -> EngineStatus:
    # Installed or not, this release generates with the torch engine alone.
    reasons = ["this release of zeroreal generates with the torch engine only"]
    if importlib.util.find_spec(module) is None:
        reasons.append(f"{module} is not installed (pip install 'zeroreal[{extra}]')")
        return EngineStatus(name, None, tuple(reasons))
    return EngineStatus(name, _version(module), tuple(reasons))


def _version(module: str) -> str | None:
    distributions = metadata.packages_distributions().get(module, [])
    return metadata.version(distributions[0]) if distributions else None
