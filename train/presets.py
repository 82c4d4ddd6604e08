"""Published training recipes by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..base.errors import unknown
from ..base.settings import build, read_values
from ..base.yaml_files import load_yaml
from .settings import TrainSettings

_PRESETS = Path(__file__).with_name("presets.yaml")


def preset(name: str) -> dict[str, Any]:
    """The fields of `TrainSettings` that the preset sets, nested as `build` takes them."""
    presets: dict[str, Any] = load_yaml(_PRESETS, "presets", "install again")
    if name not in presets:
        raise unknown("preset", name, presets)
    return read_values(TrainSettings, presets[name], f"preset {name}")


def train_settings(preset_name: str | None = None, **given: Any) -> TrainSettings:
    """The settings of a preset, or the defaults, but for the fields of `TrainSettings` given."""
    chosen = {} if preset_name is None else preset(preset_name)
    return build(TrainSettings, {**chosen, **given})
