"""What a figure was measured with: machine, device and library versions."""

from __future__ import annotations

import platform
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
    "onnxruntime",
    "tensorrt",
    "tensorrt-rtx",
    "xformers",
)


def library_versions() -> dict[str, str]:
    """Versions of the installed ones of `LIBRARIES`."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    versions["torch"] = torch.__version__  # names the build too
    return versions


def environment(device: torch.device) -> dict[str, str]:
    """Machine, device and versions, as reports show them."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "device": describe_device(device),
        **library_versions(),
    }
