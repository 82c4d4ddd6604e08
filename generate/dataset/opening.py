"""From settings and a place to a dataset that can be worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...base import describe_device, resolve_device
from ...base.progress import OnStage
from ...base.sides import as_sides
from ...encoders import load_encoder
from ...engine import Cache
from ..filters.agreement import AgreementFilter
from ..filters.duplicates import DuplicateFilter
from ..filters.filter import ImageFilter
from ..filters.quality import Quality
from ..generator import Generator
from ..plan.classes import parse_classes
from ..plan.recipe import Recipe
from ..plan.samples import SamplePlan
from ..telling import made_with_progress
from ..tuning.request import OnProgress
from .card.card import CARD
from .commit.dead import clear_dead
from .config.config import (
    DatasetConfig,
    read_config,
    write_new,
)
from .config.settings import DatasetSettings
from .joining import check_same, config_of, joined, wanted_dataset
from .store.store import Store


@dataclass(frozen=True)
class Dataset:
    """A dataset that is worked on: where it lies, what it holds, and what makes it."""

    store: Store
    config: DatasetConfig
    recipe: Recipe
    plan: SamplePlan
    generator: Generator
    quality: Quality


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
    wanted = wanted_dataset(store, settings, extend)
    config, recipe = wanted.config, wanted.recipe
    found = {} if config is None else config.found
    quality = quality_of(wanted.settings, recipe)
    generator = make_generator(wanted.settings, recipe.guided, found, cache, on_progress)
    if config is None:
        config = config_of(_settled(wanted.settings, generator), recipe)
        new = replace(config, found={_device(generator): _found(generator)})
        config = joined(store, write_new(store, new), config)  # another may have been first
    config = _written(store, config, generator)
    clear_dead(store, config.settings.format)
    plan = SamplePlan(recipe, config.classes, config.ends[-1], seed=config.settings.seed)
    generator.check_prompts(plan)
    return Dataset(store, config, recipe, plan, generator, quality)


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


def quality_of(settings: DatasetSettings, recipe: Recipe) -> Quality:
    """The checks that images must pass; `InputError` for an encoder that cannot be used."""
    filters: list[ImageFilter] = []
    if settings.near_duplicates is not None:
        filters.append(DuplicateFilter(settings.near_duplicates))
    if settings.encoder is not None:
        encoder = load_encoder(settings.encoder, resolve_device(settings.device))
        classes = parse_classes(settings.classes)
        filters.append(AgreementFilter(encoder, recipe, classes, settings.least_agreement))
    return Quality(tuple(filters), settings.most_attempts)


def _device(generator: Generator) -> str:
    return describe_device(generator.device)


def _found(generator: Generator) -> dict[str, Any]:
    return dict(generator.facts.found)


def _settled(settings: DatasetSettings, generator: Generator) -> DatasetSettings:
    """Settings with what a generator made of what they leave open."""
    facts = generator.facts
    settled = replace(
        settings.generate,
        precision=facts.precision,
        generate_size=as_sides(*facts.generate_size),
        image_size=facts.image_size,
        unet=settings.generate.unet or facts.unet,
        steps=settings.generate.steps or facts.steps,
    )
    return replace(settings, generate=settled)


def _written(store: Store, config: DatasetConfig, generator: Generator) -> DatasetConfig:
    """A configuration with what this worker adds to it, which others may have changed meanwhile."""
    now = read_config(store)
    check_same(store, now, config)
    ends = max(now.ends, config.ends, key=len)
    found = {_device(generator): _found(generator), **now.found}
    config = replace(config, ends=ends, found=found)
    if (now.ends, now.found) != (ends, found):
        config.write(store)
    if now.ends != ends:
        store.remove(CARD)  # it says that all is there
    return config
