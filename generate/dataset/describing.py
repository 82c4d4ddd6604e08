"""What stands beside the shards of a dataset: index, card, Croissant and a grid of samples."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ...base.settings import values_of
from ...data.class_folders import folder_names
from ...data.decode import stored_pixels
from ...data.shard_info import wds_info
from ...export import find_model
from ...report.pictures import MAX_ROWS, png_bytes, sample_grid
from ..plan.recipe import GuidanceRange, Recipe
from ..plan.samples import SamplePlan
from ..settings import GenerateSettings
from .card.card import CARD, dataset_card
from .card.croissant import croissant
from .card.facts import CardFacts, ClassFacts, ModelFacts, RecipeFacts, RecipePart
from .card.licence import model_licence
from .checking.contents import stored_images
from .commit.commit import main_suffix
from .commit.record import RECORD, FileFacts, ShardRecord, merged_counts, merged_groups, read_record
from .config.config import CONFIG, DatasetConfig
from .joining import hub_id
from .store.store import Store
from .writing.open_shard import SCHEMA

INFO, CROISSANT, SAMPLES = "_info.json", "croissant.json", "samples.png"
_SAMPLES = 10  # of each class in the grid
_EXAMPLES = 8  # prompts


def write_index(store: Store, config: DatasetConfig) -> int:
    """Write `_info.json` of the shards that are there; gives how many images these hold."""
    plan, suffix = config.plan, main_suffix(config.settings.format)
    names = store.names()
    missing = set(plan.missing(names, suffix))
    lengths = {
        name: len(plan[number])
        for number, name in enumerate(plan.files(suffix))
        if number not in missing
    }
    classes = [item.name for item in config.classes]
    is_tar = config.settings.format == "webdataset"
    info: Mapping[str, Any] = wds_info(lengths, classes) if is_tar else {"classes": classes}
    if config.settings.format == "folder" and (folders := folder_names(classes)) != classes:
        info = {**info, "folders": folders}
    store.write(INFO, (json.dumps(info, indent=1, ensure_ascii=False) + "\n").encode())
    return sum(lengths.values())


def write_card(store: Store, config: DatasetConfig, recipe: Recipe) -> None:
    """Write card, Croissant and samples of a dataset that is complete."""
    records = read_records(store, config)
    facts = card_facts(store, config, recipe, records)
    with suppress(FileNotFoundError):  # a shard that is being repaired elsewhere
        store.write(SAMPLES, png_bytes(_grid(store, config, records)))
    text = json.dumps(croissant(facts), indent=1, ensure_ascii=False) + "\n"
    store.write(CROISSANT, text.encode())
    store.write(CARD, dataset_card(facts).encode())


def read_records(store: Store, config: DatasetConfig) -> list[ShardRecord]:
    """The records of all shards, in order; those that are not there are left out."""
    there = set(store.names())
    names = [name for name in config.plan.files(RECORD) if name in there]
    return [read_record(store.read(name), name) for name in names]


def card_facts(
    store: Store, config: DatasetConfig, recipe: Recipe, records: Sequence[ShardRecord]
) -> CardFacts:
    """What a dataset's card tells."""
    settings = config.settings
    files: dict[str, FileFacts] = {}
    counts: dict[str, int] = {}
    for record in records:
        files |= record.files
        for name, number in record.classes.items():
            counts[name] = counts.get(name, 0) + number
    rejected = merged_counts([record.rejected for record in records])
    kept = merged_counts([record.kept for record in records])
    model = settings.generate.model
    folder = find_model(model, settings.generate.variant)
    return CardFacts(
        title=store.url.rstrip("/").rpartition("/")[2],
        format=settings.format,
        image_format=settings.image_format,
        image_size=settings.generate.image_size or 0,
        schema=SCHEMA,
        classes=tuple(
            ClassFacts(
                item.name,
                item.prompt,
                counts.get(item.name, 0),
                rejected.get(item.name, {}),
                kept.get(item.name, {}),
            )
            for item in config.classes
        ),
        files=files,
        recipe=_recipe(recipe, config),
        model=ModelFacts(
            hub_id(model) or folder.name,
            config.model,
            model_licence(folder, hub_id(model)),
        ),
        settings=_decisive(config),
        workers=tuple(record.worker for record in records),
        command=f"zeroreal generate --config {CONFIG} --out COPY",
        version=metadata.version("zeroreal"),
        finished=max((record.finished for record in records), default=""),
        url=store.url if "://" in store.url else "",
        groups=merged_groups([record.groups for record in records]),
    )


def _decisive(config: DatasetConfig) -> dict[str, str]:
    """The settings that decide images, in words."""
    settings = config.settings
    shown = {"seed": str(settings.seed), "images of each class": str(config.ends[-1])}
    if settings.near_duplicates is not None:
        shown["near duplicates"] = f"made again within {settings.near_duplicates} of 64 bits"
    if settings.encoder is not None:
        least = settings.least_agreement or 1 / len(config.classes)
        name = hub_id(settings.encoder) or Path(settings.encoder).name
        shown["agreement with the class"] = f"at least {least:.4g} by {name} ({config.encoder})"
    for value in values_of(GenerateSettings):
        found = getattr(settings.generate, value.path[0])
        name = value.path[0].replace("_", " ")
        if f"generate.{value.path[0]}" in config.decisive() and found is not None:
            shown[name] = str(found)
    return shown


def _recipe(recipe: Recipe, config: DatasetConfig) -> RecipeFacts:
    plan = SamplePlan(recipe, config.classes, config.ends[-1], seed=config.settings.seed)
    step = max(1, len(plan) // _EXAMPLES)
    examples = dict.fromkeys(plan[(step + 1) * n % len(plan)].prompt for n in range(2 * _EXAMPLES))
    return RecipeFacts(
        recipe.name,
        recipe.description,
        tuple(
            RecipePart(
                _prompts(leaf),
                _guidance(leaf.guidance),
                _weighted(leaf, leaf.domains),
                leaf.negative_prompt,
                _attributes(leaf),
            )
            for leaf in recipe.leaves
        ),
        tuple(examples)[:_EXAMPLES],
    )


def _prompts(leaf: Recipe) -> str:
    """The template, with its language where it has one, or the name of the file."""
    language = f" ({leaf.language})" if leaf.language else ""
    return leaf.prompt + language or Path(leaf.prompts).name


def _attributes(leaf: Recipe) -> tuple[str, ...]:
    if not isinstance(leaf.attributes, dict):
        return _weighted(leaf, leaf.attributes)
    return tuple(
        f"{name}: {' / '.join(_weighted(leaf, own))}" for name, own in leaf.attributes.items()
    )


def _weighted(leaf: Recipe, names: tuple[str, ...]) -> tuple[str, ...]:
    """Domains or attributes, with their weights where they have some."""
    if not leaf.weights:
        return names
    return tuple(f"{name} (weight {leaf.weight_of(name):g})" for name in names)


def _guidance(guidance: float | GuidanceRange) -> str:
    if isinstance(guidance, GuidanceRange):
        low, high = guidance.uniform
        whole = " as whole numbers" if guidance.integers else ""
        return f"{low:g} to {high:g}, drawn for each image{whole}"
    return f"{guidance:g}"


def _grid(store: Store, config: DatasetConfig, records: Sequence[ShardRecord]) -> Image.Image:
    """The first images of each class in the first shards."""
    classes = len(config.classes)
    names = [item.name for item in config.classes][:MAX_ROWS]
    wanted = dict.fromkeys(range(len(names)), _SAMPLES)
    pictures, labels = [], []
    with tempfile.TemporaryDirectory(prefix="zeroreal-samples-") as temporary:

        def reach(name: str) -> Path:
            return store.local(name, Path(temporary))

        for record in records:
            rows = []
            for index in range(record.first, record.end):
                if wanted.get(index % classes):
                    wanted[index % classes] -= 1
                    rows.append(index - record.first)
            if rows:
                stored = stored_images(
                    config.settings.format, record.stem, rows, record.files, reach
                )
                pictures += [_picture(one) for one in stored]
                labels += [(record.first + row) % classes for row in rows]
            if not any(wanted.values()):
                break
    return sample_grid(torch.from_numpy(np.stack(pictures)), torch.tensor(labels), names, _SAMPLES)


def _picture(stored: bytes | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if isinstance(stored, bytes):
        return stored_pixels(stored, "a stored image")
    return stored
