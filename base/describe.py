"""What a figure was measured with: machine, device and library versions."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata

import torch

from .device import describe_device

LIBRARIES = (
    "zeroreal",
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "timm",
    "numpy",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "tensorrt",
    "tensorrt-rtx",
    "xformers",
)


def library_versions(names: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Versions of those libraries that are installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if "torch" in versions:
        versions["torch"] = torch.__version__  # names the build too
    return versions


def describe_environment(device: torch.device) -> dict[str, str]:
    """Machine, device and versions, as reports show them."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "device": describe_device(device),
        **library_versions(),
    }
