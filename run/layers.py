"""Settings from several places: defaults, a preset, a file, and what was given by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base import InputError
from ..base.settings import build, merge, names_in
from ..generate.plan.content import recipe_content
from ..generate.suited import suited_recipe
from ..train.presets import preset as read_preset
from .folder import read_config_file
from .settings import RunSettings


def layered(
    given: Mapping[str, Any], config: Path | None = None, preset: str | None = None
) -> tuple[RunSettings, set[str]]:
    """Settings, and the dotted names of those that were chosen in the file or by hand.

    `given`, nested values as `build` takes them, wins over the file `config`, which wins over the
    training preset. Raises `InputError` for a file or a preset that cannot be used, and where the
    file is a run's and its recipe has changed since.
    """
    layers: list[Mapping[str, Any]] = [] if preset is None else [{"train": read_preset(preset)}]
    chosen = names_in(RunSettings, given)
    recipe = None
    if config is not None:
        values, recipe = read_config_file(config)
        layers.append(values)
        chosen |= names_in(RunSettings, values)
    settings = build(RunSettings, merge(RunSettings, *layers, given))
    is_same = recipe is None or "recipe" in given or settings.images is not None
    if not is_same and _content(settings, given) != _as_far_as_kept(recipe, given):
        raise InputError(
            f"recipe {settings.recipe!r} has changed since {str(config)!r} was written: restore "
            "it, or remove recipe_content from the file to use it as it is now"
        )
    return settings, chosen


def _content(settings: RunSettings, given: Mapping[str, Any]) -> Any:
    return _as_far_as_kept(recipe_content(suited_recipe(settings, settings.generate)), given)


def _as_far_as_kept(recipe: Any, given: Mapping[str, Any]) -> Any:
    """A recipe's content without the guidance, if what is given by hand may decide another."""
    if "guidance" not in given and "model" not in given.get("generate", {}):
        return recipe
    leaves = [
        {name: value for name, value in leaf.items() if name != "guidance"}
        for leaf in recipe.get("leaves", ())
    ]
    return {**recipe, "leaves": leaves}
