"""Paths among the settings of a run, made absolute so that it can be resumed from any folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..encoders.settings import EMBEDDED
from ..export.model.parts import FEW_STEP_UNET, OWN_UNET
from ..export.model.vae_folder import SMALL_VAE
from ..generate.plan.recipe import shipped_recipes
from .decide.settings import BY_TEXTS


def with_absolute_paths(content: dict[str, Any]) -> dict[str, Any]:
    """Plain values of `RunSettings` with those that are paths made absolute."""
    inner_ones = ("generate", "selection", "gap", "baselines", "decide")
    changed = {**content, **{name: {**content[name]} for name in inner_ones}}
    for name, known in _may_be_paths().items():
        section, _, last = name.rpartition(".")
        inner = changed[section] if section else changed
        value = inner[last]
        if isinstance(value, str):
            inner[last] = _absolute(value, known)
        elif value:
            inner[last] = [_absolute(one, known) for one in value]
    return changed


def _may_be_paths() -> dict[str, Collection[str]]:
    """The settings that may be paths, each with the names that it takes instead."""
    return {
        "images": (),
        "data": ("fashion-mnist",),
        "recipe": shipped_recipes(),
        "generate.model": (),
        "generate.unet": (OWN_UNET, FEW_STEP_UNET),
        "generate.lora": (),
        "generate.textual_inversion": (),
        "generate.vae": (SMALL_VAE,),
        "selection.select_encoder": (EMBEDDED,),
        "gap.teacher": (EMBEDDED,),
        "gap.batch_norm_data": (),
        "baselines.baseline_encoder": (EMBEDDED,),
        "decide.label_metric": (BY_TEXTS,),
        "decide.encoder": (EMBEDDED,),
    }


def _absolute(value: str, names: Collection[str]) -> str:
    """A path in full; a name, such as a hub id, and an address as they are."""
    path = Path(value)
    file = Path(value.rpartition(":")[0])  # of FILE:SCALE
    is_path = (
        path.exists()
        or (file != Path() and file.exists())
        or (path.parent != Path() and path.parent.is_dir())  # of a pattern
    )
    return str(Path.cwd() / path) if is_path and value not in names else value
