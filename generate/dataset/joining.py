"""Which dataset is wanted, and whether it is the one that is there: all that needs no generator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...base import InputError
from ...base.settings import merge, plain
from ...encoders import encoder_digest
from ...encoders.settings import EMBEDDED
from ...export import find_model, parse_lora
from ...export.model.parts import FEW_STEP_UNET, OWN_UNET
from ...export.model.textual_inversion import parse_inversion
from ..plan.classes import parse_classes
from ..plan.content import recipe_content
from ..plan.recipe import Recipe
from ..plan.samples import SamplePlan
from ..suited import suited_recipe
from .card.card import CARD
from .commit.commit import main_suffix
from .config.config import (
    CONFIG,
    DatasetConfig,
    differences,
    read_config,
    read_settings_file,
)
from .config.model_digest import model_digest
from .config.settings import DatasetSettings
from .store.store import Store
from .writing.sheet import SHEET

_UNET_NAMES = (OWN_UNET, FEW_STEP_UNET)


@dataclass(frozen=True)
class WantedDataset:
    """A dataset that is asked for."""

    settings: DatasetSettings
    """With what the dataset that is there has settled."""
    recipe: Recipe
    config: DatasetConfig | None
    """None where the dataset is new, and its generator settles what is left open."""


def wanted_dataset(store: Store, settings: DatasetSettings, extend: int) -> WantedDataset:
    """What is asked for, found usable and in agreement with what is there.

    Raises `InputError` as `open_dataset` does.
    """
    stored = read_config(store) if holds_dataset(store) else None
    recipe = suited_recipe(settings, settings.generate)
    settings = with_absolute_paths(settings)
    # Says what is wrong with classes, prompts and numbers before anything is loaded.
    SamplePlan(recipe, parse_classes(settings.classes), settings.images_per_class, settings.seed)
    if stored is not None:
        settings = _settled_by(settings, stored)
        config = joined(store, stored, config_of(settings, recipe))
        return WantedDataset(
            settings, recipe, _extended(store, config, extend) if extend else config
        )
    if extend:
        raise InputError(
            f"extend {extend} was given, but {store.url!r} holds no dataset yet: leave it out"
        )
    return WantedDataset(settings, recipe, None)


def holds_dataset(store: Store) -> bool:
    """Whether a dataset of ours lies in a place; `InputError` where something else does."""
    if store.exists(CONFIG):
        return True
    there = [*store.names(), *store.folders()]
    strange = [name for name in there if not name.startswith(".") and name != SHEET]
    if strange:
        raise InputError(
            f"output folder {store.url!r} holds something else, {min(strange)!r} for one: give a "
            "new or empty folder, or that of a dataset to go on with"
        )
    return False


def layered(store: Store, given: Mapping[str, Any], config: Path | None = None) -> dict[str, Any]:
    """Values for `build`: of the dataset in a place, then of a file, then what was given.

    So a file that was changed since is a change like any other. `config` is a YAML file of
    settings, or the configuration of another dataset. Raises `InputError` for a file that
    cannot be read or holds something else.
    """
    layers = [plain(read_config(store).settings)] if holds_dataset(store) else []
    if config is not None:
        layers.append(read_settings_file(config))
    return merge(DatasetSettings, *layers, given)


def is_complete(store: Store, config: DatasetConfig) -> bool:
    """Whether every shard is there, and the card, which is written last."""
    missing = config.plan.missing(store.names(), main_suffix(config.settings.format))
    return not missing and store.exists(CARD)


def config_of(settings: DatasetSettings, recipe: Recipe) -> DatasetConfig:
    """The configuration of a new dataset with settings that leave nothing open."""
    digest = model_digest(
        find_model(settings.generate.model, settings.generate.variant), settings.generate
    )
    content = json.loads(json.dumps(recipe_content(recipe)))  # as it is when read again
    return DatasetConfig(
        settings,
        content,
        digest,
        (settings.images_per_class,),
        encoder=encoder_digest(settings.encoder),
    )


def joined(store: Store, stored: DatasetConfig, wanted: DatasetConfig) -> DatasetConfig:
    """The dataset that is there, if it is the one that is wanted."""
    check_same(store, stored, wanted)
    total = wanted.ends[-1]
    if total not in stored.ends:
        raise InputError(
            f"{total} images of each class were asked for, {store.url!r} has {stored.ends[-1]}: "
            "add more with --extend, or leave the number out"
        )
    return replace(wanted, ends=stored.ends, found=stored.found)


def check_same(store: Store, stored: DatasetConfig, wanted: DatasetConfig) -> None:
    """Raise `InputError` unless the dataset that is there is the one that is wanted."""
    if found := differences(stored, wanted):
        raise InputError(
            f"{store.url!r} holds a dataset that was made otherwise: {'; '.join(found)}; give what "
            "it was made with, or another folder"
        )


def with_absolute_paths(settings: DatasetSettings) -> DatasetSettings:
    """Settings that mean the same in another folder."""
    chosen = settings.generate
    generate = replace(
        chosen,
        model=_absolute(chosen.model),
        unet=chosen.unet if chosen.unet in _UNET_NAMES else _absolute(chosen.unet),
        vae=_absolute(chosen.vae),
        lora=tuple(_absolute_lora(text) for text in chosen.lora),
        textual_inversion=tuple(map(_absolute_inversion, chosen.textual_inversion)),
    )
    encoder = settings.encoder if settings.encoder == EMBEDDED else _absolute(settings.encoder)
    recipe = _absolute(settings.recipe) or ""
    return replace(settings, recipe=recipe, encoder=encoder, generate=generate)


def _absolute_lora(text: str) -> str:
    lora = parse_lora(text)
    return f"{lora.path.resolve()}:{lora.scale:g}"


def _absolute_inversion(text: str) -> str:
    inversion = parse_inversion(text)
    return f"{inversion.path.resolve()}:{inversion.token}"


def hub_id(model: str | None) -> str | None:
    """The model's id on the Hugging Face hub, without a revision; None for any other model."""
    return None if model is None or Path(model).exists() else model.partition("@")[0]


def _absolute(name: str | None) -> str | None:
    return str(Path(name).resolve()) if name is not None and Path(name).exists() else name


def _settled_by(settings: DatasetSettings, stored: DatasetConfig) -> DatasetSettings:
    """Settings with what a dataset has settled of what they leave open."""
    before = stored.settings.generate
    left_open = {
        name: getattr(before, name)
        for name in ("precision", "generate_size", "image_size", "unet", "steps")
        if getattr(settings.generate, name) in (None, "auto")
    }
    return replace(settings, generate=replace(settings.generate, **left_open))


def _extended(store: Store, config: DatasetConfig, images: int) -> DatasetConfig:
    if images < 1:
        raise InputError(f"extend is {images}: at least 1 image of each class is needed")
    if is_complete(store, config):
        return config.extended(images)
    before = (0, *config.ends)
    if len(config.ends) > 1 and before[-1] - before[-2] == images:
        return config  # the same command again
    raise InputError(
        f"the dataset in {store.url!r} is not complete yet: give the command without --extend first"
    )
