"""One image of a dataset made again, and compared with the one that is there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ....base import InputError
from ....base.device import describe_device, resolve_device
from ....base.progress import OnStage
from ....data.decode import stored_pixels
from ....engine import Cache
from ....export import find_model
from ...generator import Generator
from ...plan.content import recipe_content
from ...plan.recipe import Recipe
from ...plan.samples import SamplePlan
from ...suited import suited_recipe
from ..commit.commit import main_suffix
from ..commit.record import RECORD, ShardRecord, WorkerFacts, read_record
from ..config.config import DatasetConfig, differences, read_config
from ..config.model_digest import model_digest
from ..config.settings import DatasetSettings
from ..opening import make_generator
from ..store.store import Store
from ..writing.encoding import encoder_of
from ..writing.open_shard import on_host
from .contents import shard_rows, stored_images

# Of 255, on average: a few channel values round differently from machine to machine, and bf16
# differs more; another image differs by tens.
_ROUNDING = 3.0


@dataclass(frozen=True)
class Comparison:
    """An image made again beside the one of the dataset."""

    index: int
    row: dict[str, Any]
    """What the dataset says of it: class, prompt, guidance, seed."""
    shard: str
    stored: NDArray[np.uint8]
    """Pixels `[S, S, 3]`, decoded."""
    made: NDArray[np.uint8]
    """Pixels `[S, S, 3]`, encoded and decoded in the same way."""
    same_bytes: bool
    """Whether both are the same, encoded."""

    @property
    def largest_difference(self) -> int:
        """Of all pixel values, 0 to 255."""
        return int(np.abs(self.stored.astype(int) - self.made.astype(int)).max())

    @property
    def mean_difference(self) -> float:
        """Of all pixel values, 0 to 255."""
        return float(np.abs(self.stored.astype(int) - self.made.astype(int)).mean())

    @property
    def is_the_same(self) -> bool:
        """Whether it is the same image, but for rounding."""
        return self.same_bytes or self.mean_difference < _ROUNDING

    @property
    def verdict(self) -> str:
        """What the comparison came to, in a sentence."""
        if self.same_bytes:
            return "It is the same to the bit."
        figures = f"{self.largest_difference}/255 at most, {self.mean_difference:.3f} on average"
        if self.is_the_same:
            return f"It is the same but for rounding: pixels differ by {figures}."
        return f"It is another image: pixels differ by {figures}."

    def write(self, path: str) -> None:
        """Write both side by side, the stored one at the left, to a PNG file."""
        Image.fromarray(np.hstack([self.stored, self.made])).save(path, "png")


class _AllBut(Container[int]):
    """All numbers but one."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __contains__(self, number: object) -> bool:
        return number != self._number


def regenerate(
    store: Store,
    index: int,
    device: str | None = None,
    cache: Cache | None = None,
    on_progress: OnStage = lambda progress: None,
) -> Comparison:
    """Make image `index` of a dataset again, in the batch that it was made in, and compare.

    On the machine and engine that made it, it comes out to the bit; elsewhere it differs by
    rounding. `device` takes the place of the dataset's. Nothing is written. Raises `InputError` for
    an index outside the dataset, a shard that is not there, and a model or recipe that has changed.
    """
    config = read_config(store)
    plan, shard_format = config.plan, config.settings.format
    if not 0 <= index < plan.samples:
        raise InputError(
            f"image {index} is not in {store.url!r}: it has images 0 to {plan.samples - 1}"
        )
    shard = plan.shard_of(index)
    stem = plan.stem(shard)
    record = _record(store, index, stem, shard_format)
    with tempfile.TemporaryDirectory(prefix="zeroreal-regenerate-") as temporary:

        def reach(name: str) -> Path:
            return store.local(name, Path(temporary))

        place = index - shard.first
        try:
            (stored,) = stored_images(shard_format, stem, [place], record.files, reach)
            row = shard_rows(shard_format, stem, reach)[place]
            pixels = _pixels(stored)
        except (InputError, OSError, ValueError, LookupError) as error:
            raise InputError(
                f"image {index} cannot be read from shard {stem!r} ({error}): mend the dataset "
                "with `zeroreal verify --fix` first"
            ) from error
    settings = _as_made(config, record.worker, device)
    recipe = _unchanged_recipe(store, config)
    generator = make_generator(settings, recipe.guided, config.found, cache, on_progress)
    samples = SamplePlan(recipe, config.classes, config.ends[-1], seed=settings.seed)
    made = _made_again(generator, samples, settings, index, record, row["seed"])
    return Comparison(index, row, stem, pixels, _pixels(made), _same(stored, made))


def _record(store: Store, index: int, stem: str, shard_format: str) -> ShardRecord:
    if not store.exists(stem + main_suffix(shard_format)):
        raise InputError(
            f"image {index} is not there yet: shard {stem!r} is missing, give the command that "
            "makes the dataset again"
        )
    try:
        return read_record(store.read(stem + RECORD), stem + RECORD)
    except FileNotFoundError:
        raise InputError(
            f"shard {stem!r} of image {index} has lost its record: `zeroreal verify --fix` writes "
            "it anew"
        ) from None


def _as_made(config: DatasetConfig, worker: WorkerFacts, device: str | None) -> DatasetSettings:
    """The dataset's settings; on the device that made the shard, with that worker's batches."""
    settings = replace(config.settings, device=device or config.settings.device)
    if describe_device(resolve_device(settings.device)) != worker.device:
        return settings
    as_then = replace(
        settings.generate,
        engine=worker.engine,
        batch_size=worker.batch_size,
        vae_batch_size=worker.vae_batch_size,
    )
    return replace(settings, generate=as_then)


def _unchanged_recipe(store: Store, config: DatasetConfig) -> Recipe:
    """The dataset's recipe; raises `InputError` where that or the model is not as it was."""
    chosen = config.settings.generate
    recipe = suited_recipe(config.settings, chosen)
    content = json.loads(json.dumps(recipe_content(recipe)))
    digest = model_digest(find_model(chosen.model, chosen.variant), chosen)
    if found := differences(config, replace(config, recipe=content, model=digest)):
        raise InputError(
            f"{store.url!r} was made otherwise: {'; '.join(found)}; give back what it was made with"
        )
    return recipe


def _made_again(
    generator: Generator,
    samples: SamplePlan,
    settings: DatasetSettings,
    index: int,
    record: ShardRecord,
    seed: int,
) -> bytes | NDArray[np.uint8]:
    specs = samples[record.first : record.end]
    # The noise that the image was made from, whatever was rejected before it.
    specs[index - record.first] = replace(specs[index - record.first], seed=seed)
    for batch in generator.generate(specs, done=_AllBut(index)):
        encoder = encoder_of(settings, generator)
        images = on_host(batch)
        return images[0].numpy() if encoder is None else encoder.encode(images)[0]
    raise InputError(f"image {index} was no picture when it was made again: try another device")


def _pixels(image: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
    if not isinstance(image, bytes):
        return image
    return stored_pixels(image, "the stored image")


def _same(stored: bytes | NDArray[np.uint8], made: bytes | NDArray[np.uint8]) -> bool:
    if isinstance(stored, bytes) and isinstance(made, bytes):
        return stored == made
    return bool(np.array_equal(np.asarray(stored), np.asarray(made)))
