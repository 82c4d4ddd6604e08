"""Before a big job: some images of each class, and what all of them will take."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ...base import InputError
from ...base.progress import OnStage, StageProgress
from ...engine import Cache
from ...export import find_model
from ..filters.quality import Quality
from ..generator import Generator
from ..image_batch import ImageBatch
from ..plan.classes import parse_classes
from ..plan.content import recipe_content
from ..plan.recipe import Recipe
from ..plan.samples import SamplePlan
from ..suited import suited_recipe
from .card.licence import Licence, model_licence
from .card.preview import Estimate, Tile, preview_page
from .commit.shards import ShardRange
from .config.config import read_config
from .config.settings import DatasetSettings
from .joining import holds_dataset, hub_id
from .opening import make_generator, quality_of
from .store.store import LocalStore, Store
from .writing.encoding import encoder_of
from .writing.open_shard import OpenShard, on_host
from .writing.sheet import SHEET, tiles_of
from .writing.tally import Tally

MOST_CLASSES = 20
"""Classes of which images are shown: a thousand would take the time of a small dataset."""


@dataclass(frozen=True)
class Preview:
    """Some images of each class, and an estimate."""

    tiles: tuple[Tile, ...]
    classes: tuple[str, ...]
    estimate: Estimate
    licence: Licence
    page: str
    """Where the page is."""

    def by_class(self) -> dict[str, list[Tile]]:
        """The tiles of each class that is shown."""
        return {
            name: [tile for tile in self.tiles if tile.label == label]
            for label, name in enumerate(self.classes[:MOST_CLASSES])
        }

    def facts(self) -> dict[str, str]:
        """The estimate in words."""
        facts = self.estimate.facts()
        if len(self.classes) > MOST_CLASSES:
            facts["classes shown"] = f"the first {MOST_CLASSES} of {len(self.classes)}"
        return facts


def preview_dataset(
    settings: DatasetSettings,
    store: Store,
    images_per_class: int,
    cache: Cache | None = None,
    on_progress: OnStage = lambda progress: None,
) -> Preview:
    """Make the first images of each class and estimate what the whole dataset takes.

    Writes `preview.html` and nothing else. The images are those that the dataset will begin with.
    Raises `InputError` where making the dataset would.
    """
    if images_per_class < 1:
        raise InputError(f"preview is {images_per_class}: at least 1 image of each class is needed")
    found = read_config(store).found if holds_dataset(store) else {}
    recipe = suited_recipe(settings, settings.generate)
    classes = parse_classes(settings.classes)
    plan = SamplePlan(recipe, classes, settings.images_per_class, seed=settings.seed)
    quality = quality_of(settings, recipe)
    generator = make_generator(settings, recipe.guided, found, cache, on_progress)
    generator.check_prompts(plan)
    count = min(images_per_class, settings.images_per_class)
    chosen = [index for index in range(count * len(classes)) if index % len(classes) < MOST_CLASSES]
    batches, speed = _measured(generator, plan, chosen, quality, on_progress)
    names = tuple(item.name for item in classes)
    tiles = [tile for batch in batches for tile in tiles_of(on_host(batch), batch.specs, names)]
    workers = max(1, len(settings.devices))
    size = _bytes_per_image(settings, recipe, generator, batches, names)
    free = shutil.disk_usage(_existing(store.root)).free if isinstance(store, LocalStore) else None
    estimate = Estimate(len(plan), speed * workers, size, free)
    model = settings.generate.model
    preview = Preview(
        tuple(tiles),
        names,
        estimate,
        model_licence(find_model(model), hub_id(model)),
        f"{store.url.rstrip('/')}/{SHEET}",
    )
    page = preview_page(tiles, store.url, estimate, preview.licence, preview.facts())
    store.write(SHEET, page)
    return preview


def _measured(
    generator: Generator,
    plan: SamplePlan,
    chosen: list[int],
    quality: Quality,
    on_progress: OnStage,
) -> tuple[list[ImageBatch], float]:
    """The images, and how many are made a second once everything is warm."""
    batches: list[ImageBatch] = []
    times = []
    specs = [plan[index] for index in chosen]
    for batch in generator.generate(specs, quality=quality):
        if generator.device.type == "cuda":
            torch.cuda.synchronize(generator.device)
        times.append(time.perf_counter())
        batches.append(batch)
        on_progress(StageProgress("preview", sum(len(one.specs) for one in batches), len(specs)))
    if len(times) < 3:  # too few batches: one of them again, in full
        began = time.perf_counter()
        size = min(generator.batch_size, len(plan))
        again = list(generator.generate([plan[index] for index in range(size)]))
        on_host(again[-1])
        return batches, size / (time.perf_counter() - began)
    made = sum(len(batch.specs) for batch in batches[1:])
    return batches, made / (times[-1] - times[0])


def _bytes_per_image(
    settings: DatasetSettings,
    recipe: Recipe,
    generator: Generator,
    batches: list[ImageBatch],
    classes: tuple[str, ...],
) -> float:
    """What an image takes in a shard, written for once."""
    rows = [spec for batch in batches for spec in batch.specs]
    with tempfile.TemporaryDirectory(prefix="zeroreal-preview-") as folder:
        shard = OpenShard(
            ShardRange(0, 0, len(rows)),
            folder=Path(folder),
            token="",
            stem="preview",
            shard_format=settings.format,
            image_format=settings.image_format,
            classes=classes,
            image_size=generator.image_size,
            encoder=encoder_of(settings, generator),
            constants={"model": "0" * 64, "engine": generator.facts.engine, "precision": "fp32"},
            negative_prompt=settings.generate.negative_prompt,
            tally=Tally(recipe_content(recipe)),
        )
        number = 0
        for batch in batches:
            shard.add(_renumbered(batch, number))
            number += len(batch.specs)
        files = shard.finish().files.values()
        return sum((Path(folder) / file).stat().st_size for file in files) / len(rows)


def _renumbered(batch: ImageBatch, first: int) -> ImageBatch:
    """A batch of the samples `first` and on: the shard of a preview has no gaps."""
    specs = tuple(replace(spec, index=first + row) for row, spec in enumerate(batch.specs))
    return replace(batch, specs=specs)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest around it that is there."""
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
