"""The engines of a model, on the backend that the user chose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..engine import Cache
from .engines import EngineChoice, ModelEngines
from .exported_engines import exported_engines
from .exporter import ExportProgress
from .torch_engines import torch_engines


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
