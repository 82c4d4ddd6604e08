"""Published training recipes by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ..base.errors import unknown
from ..kernels import AugmentRanges
from .settings import DegradeRanges, TrainSettings, augmentation

_PRESETS = Path(__file__).with_name("presets.yaml")


def preset(name: str) -> dict[str, Any]:
    """The fields of `TrainSettings` that the preset sets; those of `augment` are a mapping."""
    presets: dict[str, dict[str, Any]] = yaml.safe_load(_PRESETS.read_text(encoding="utf-8"))
    if name not in presets:
        raise unknown("preset", name, presets)
    return presets[name]


def train_settings(
    preset_name: str | None = None,
    degrade: dict[str, Any] | None = None,
    augmentation_name: str | None = None,
    **given: Any,
) -> TrainSettings:
    """The settings of a preset, or the defaults, but for what is given.

    `degrade` are fields of `DegradeRanges`, `given` those of `TrainSettings`.
    """
    chosen = {} if preset_name is None else dict(preset(preset_name))
    if "augment" in chosen:
        ranges = chosen["augment"]
        pairs = {name: tuple(value) for name, value in ranges.items() if isinstance(value, list)}
        chosen["augment"] = AugmentRanges(**{**ranges, **pairs})
    if augmentation_name is not None:
        chosen["augment"] = augmentation(augmentation_name)
    return TrainSettings(**{**chosen, **given}, degrade=DegradeRanges(**degrade or {}))
