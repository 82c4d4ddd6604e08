"""The engines of a model, on the backend that the user chose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...engine import Cache
from ..model.model_info import read_model_info
from ..onnx.manifest import is_exported, read_manifest
from ..onnx.settings import ExportProgress
from .choice import EngineChoice, ModelEngines
from .exported import exported_engines
from .native import torch_engines


def load_engines(
    folder: Path,
    choice: EngineChoice,
    cache: Cache,
    on_progress: Callable[[ExportProgress], None] = lambda progress: None,
) -> ModelEngines:
    """The engines of a model or exported folder; built and cached if they are not there yet.

    Raises `InputError` for a folder or a choice that cannot be used.
    """
    if choice.backend == "torch":
        return torch_engines(folder, choice, cache)
    return exported_engines(folder, choice, cache, on_progress)


def native_side(folder: Path) -> int:
    """Shorter side in pixels of images that the model or exported folder generates by itself."""
    if not is_exported(folder):
        return read_model_info(folder).image_side
    exported = read_manifest(folder)
    return min(exported.generate_size) if exported.generate_size else exported.info.image_side
