"""From settings and a place to a dataset that can be worked on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...base import InputError, describe_device, resolve_device
from ...base.device import PRECISIONS
from ...base.progress import OnStage
from ...base.settings import merge, plain
from ...engine import Cache
from ...export import find_model
from ..filters.duplicates import DuplicateFilter
from ..filters.quality import Quality
from ..generator import Generator
from ..plan.classes import parse_classes
from ..plan.content import recipe_content
from ..plan.recipe import Recipe, load_recipe
from ..plan.samples import SamplePlan
from ..telling import made_with_progress
from ..tuning.request import OnProgress
from .card.card import CARD
from .commit import main_suffix
from .config import (
    CONFIG,
    DatasetConfig,
    differences,
    read_config,
    read_settings_file,
    write_new,
)
from .dead import clear_dead
from .model_digest import model_digest
from .settings import DatasetSettings
from .sheet import SHEET
from .store import Store


@dataclass(frozen=True)
class Dataset:
    """A dataset that is worked on: where it lies, what it holds, and what makes it."""

    store: Store
    config: DatasetConfig
    recipe: Recipe
    plan: SamplePlan
    generator: Generator


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

    So a file that was changed since is a change like any other. `config` is a YAML file of settings,
    or the configuration of another dataset. Raises `InputError` for a file that cannot be read or
    holds something else.
    """
    layers = [plain(read_config(store).settings)] if holds_dataset(store) else []
    if config is not None:
        layers.append(read_settings_file(config))
    return merge(DatasetSettings, *layers, given)


def open_dataset(
    store: Store,
    settings: DatasetSettings,
    extend: int = 0,
    cache: Cache | None = None,
    on_progress: OnStage = lambda progress: None,
) -> Dataset:
    """Begin a dataset, or go on with the one that is there, once everything is found usable.

    What dead workers left is finished or removed. `extend` adds so many images of each class to a
    dataset that is there; where its last extension, by as many, is not complete, that one is gone
    on with.

    Raises `InputError` for settings that cannot be used, for a place that holds something else, and
    where the dataset that is there was made otherwise.
    """
    stored = read_config(store) if holds_dataset(store) else None
    recipe = load_recipe(settings.recipe)
    settings = with_absolute_paths(settings)
    # Says what is wrong with classes, prompts and numbers before anything is loaded.
    SamplePlan(recipe, parse_classes(settings.classes), settings.images_per_class, settings.seed)
    _check_folders(settings)
    if stored is None:
        if extend:
            raise InputError(
                f"extend {extend} was given, but {store.url!r} holds no dataset yet: leave it out"
            )
        generator = make_generator(settings, recipe.guided, {}, cache, on_progress)
        config = _config_of(_settled(settings, generator), recipe)
        stored = write_new(store, replace(config, found={_device(generator): _found(generator)}))
        config = _joined(store, stored, config)  # another worker may have been first
    else:
        config = _joined(store, stored, _config_of(_settled_by(settings, stored), recipe))
        config = _extended(store, config, extend) if extend else config
        generator = make_generator(config.settings, recipe.guided, config.found, cache, on_progress)
    config = _written(store, config, generator)
    clear_dead(store, config.settings.format)
    plan = SamplePlan(recipe, config.classes, config.ends[-1], seed=settings.seed)
    generator.check_prompts(plan)
    return Dataset(store, config, recipe, plan, generator)


def reopen(
    store: Store,
    device: str | None = None,
    cache: Cache | None = None,
    on_progress: OnStage = lambda progress: None,
) -> Dataset:
    """The dataset in a place with a generator like the one that made it.

    `device` takes the place of the one that it was made on. Raises what `open_dataset` does.
    """
    settings = read_config(store).settings
    if device is not None:
        settings = replace(settings, device=device)
    return open_dataset(store, settings, cache=cache, on_progress=on_progress)


def make_generator(
    settings: DatasetSettings,
    guided: bool,
    found: Mapping[str, Mapping[str, Any]],
    cache: Cache | None,
    on_progress: OnStage,
) -> Generator:
    """The generator of a worker; on a device that is among `found`, as it was made there before."""
    chosen = settings.generate
    before = found.get(describe_device(resolve_device(settings.device)), {})
    left_open = {
        name: value for name, value in before.items() if getattr(chosen, name) in (None, "auto")
    }

    def make(tell: OnProgress) -> Generator:
        return Generator(
            replace(chosen, **left_open),
            device=settings.device,
            guided=guided,
            cache=cache,
            on_progress=tell,
        )

    return made_with_progress(make, on_progress)


def quality_of(settings: DatasetSettings) -> Quality:
    """The checks that images must pass."""
    if settings.near_duplicates is None:
        return Quality((), settings.most_attempts)
    return Quality((DuplicateFilter(settings.near_duplicates),), settings.most_attempts)


def with_absolute_paths(settings: DatasetSettings) -> DatasetSettings:
    """Settings that mean the same in another folder."""
    model = _absolute(settings.generate.model)
    generate = replace(settings.generate, model=model)
    return replace(settings, recipe=_absolute(settings.recipe) or "", generate=generate)


def precision_name(generator: Generator) -> str:
    """What a generator computes in, as `GenerateSettings` has it."""
    dtype = generator.facts.dtype
    return next(name for name, one in PRECISIONS.items() if one == dtype)


def hub_id(model: str | None) -> str | None:
    """The model's id on the Hugging Face hub; None for a folder and the embedded model."""
    return None if model is None or Path(model).exists() else model


def _device(generator: Generator) -> str:
    return describe_device(generator.device)


def _found(generator: Generator) -> dict[str, Any]:
    return dict(generator.facts.found)


def _absolute(name: str | None) -> str | None:
    return str(Path(name).resolve()) if name is not None and Path(name).exists() else name


def _settled(settings: DatasetSettings, generator: Generator) -> DatasetSettings:
    """Settings with what a generator made of what they leave open."""
    facts = generator.facts
    settled = replace(
        settings.generate,
        precision=precision_name(generator),
        generate_size=facts.generate_size[0],
        image_size=facts.image_size,
    )
    return replace(settings, generate=settled)


def _settled_by(settings: DatasetSettings, stored: DatasetConfig) -> DatasetSettings:
    """Settings with what a dataset has settled of what they leave open."""
    before = stored.settings.generate
    left_open = {
        name: getattr(before, name)
        for name in ("precision", "generate_size", "image_size")
        if getattr(settings.generate, name) in (None, "auto")
    }
    return replace(settings, generate=replace(settings.generate, **left_open))


def _config_of(settings: DatasetSettings, recipe: Recipe) -> DatasetConfig:
    digest = model_digest(find_model(settings.generate.model), settings.generate.vae)
    content = json.loads(json.dumps(recipe_content(recipe)))  # as it is when read again
    return DatasetConfig(settings, content, digest, (settings.images_per_class,))


def _check_folders(settings: DatasetSettings) -> None:
    for name in (item.name for item in parse_classes(settings.classes)):
        if settings.format == "folder" and name.startswith("."):
            raise InputError(
                f"class {name!r} begins with a dot, and its folder would be hidden: rename it, or "
                "choose another format"
            )


def _check_same(store: Store, stored: DatasetConfig, wanted: DatasetConfig) -> None:
    """Raise `InputError` unless the dataset that is there is the one that is wanted."""
    if found := differences(stored, wanted):
        raise InputError(
            f"{store.url!r} holds a dataset that was made otherwise: {'; '.join(found)}; give what "
            "it was made with, or another folder"
        )


def _joined(store: Store, stored: DatasetConfig, wanted: DatasetConfig) -> DatasetConfig:
    """The dataset that is there, if it is the one that is wanted."""
    _check_same(store, stored, wanted)
    total = wanted.ends[-1]
    if total not in stored.ends:
        raise InputError(
            f"{total} images of each class were asked for, {store.url!r} has {stored.ends[-1]}: "
            "add more with --extend, or leave the number out"
        )
    return replace(wanted, ends=stored.ends, found=stored.found)


def _written(store: Store, config: DatasetConfig, generator: Generator) -> DatasetConfig:
    """A configuration with what this worker adds to it, which others may have changed meanwhile."""
    now = read_config(store)
    _check_same(store, now, config)
    ends = max(now.ends, config.ends, key=len)
    found = {_device(generator): _found(generator), **now.found}
    config = replace(config, ends=ends, found=found)
    if (now.ends, now.found) != (ends, found):
        config.write(store)
    if now.ends != ends:
        store.remove(CARD)  # it says that all is there
    return config


def _extended(store: Store, config: DatasetConfig, images: int) -> DatasetConfig:
    if images < 1:
        raise InputError(f"extend is {images}: at least 1 image of each class is needed")
    missing = config.plan.missing(store.names(), main_suffix(config.settings.format))
    if not missing and store.exists(CARD):  # which is written last
        return config.extended(images)
    before = (0, *config.ends)
    if len(config.ends) > 1 and before[-1] - before[-2] == images:
        return config  # the same command again
    raise InputError(
        f"the dataset in {store.url!r} is not complete yet: give the command without --extend first"
    )
