"""What a dataset's card tells: plain values, gathered by who made the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import pyarrow as pa

from ..commit.record import FileFacts, Groups, WorkerFacts
from .licence import Licence

_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")


@dataclass(frozen=True)
class ClassFacts:
    """A class of the dataset."""

    name: str
    prompt: str
    """What prompts call it."""
    images: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Images made again, by reason."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Images kept at the last attempt although a check rejected them, by reason."""


@dataclass(frozen=True)
class RecipePart:
    """One of the ways to write prompts between which a recipe alternates."""

    prompt: str
    """A template, or the file that prompts come from."""
    guidance: str
    """In words: `7.5`, or `1 to 5, drawn for each image`."""
    domains: tuple[str, ...] = ()
    negative_prompt: str = ""
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecipeFacts:
    """How prompts and guidance vary."""

    name: str
    description: str
    parts: tuple[RecipePart, ...]
    examples: tuple[str, ...]
    """Some prompts as the model was given them."""


@dataclass(frozen=True)
class ModelFacts:
    """The model that made the images."""

    name: str
    """A hub id, or the name of a folder."""
    digest: str
    """SHA-256 of its files."""
    licence: Licence


@dataclass(frozen=True)
class CardFacts:
    """A dataset, as its card, its Croissant metadata and its pages tell it."""

    title: str
    format: str
    """One of `SHARD_FORMATS`."""
    image_format: str
    """The suffix of pictures; formats that hold pixels ignore it."""
    image_size: int
    """Side in pixels."""
    schema: pa.Schema
    """Of what is known of each image, its label in a column `label`."""
    classes: tuple[ClassFacts, ...]
    """In label order."""
    files: Mapping[str, FileFacts]
    """The files of the finished shards, by name seen from the dataset's folder."""
    recipe: RecipeFacts
    model: ModelFacts
    settings: Mapping[str, str]
    """What decides the images besides, in words: steps, scheduler, precision, seed and so on."""
    workers: tuple[WorkerFacts, ...]
    """Of each shard."""
    command: str
    """What makes it again."""
    version: str
    """Of zeroreal."""
    finished: str
    """When the last shard was, as ISO 8601."""
    url: str = ""
    """Where it is published; empty while it is not."""
    groups: Groups = field(default_factory=dict)
    """Images, and what was made again, by domain and by guidance."""

    @cached_property
    def images(self) -> int:
        """How many there are in all."""
        return sum(one.images for one in self.classes)

    @cached_property
    def bytes(self) -> int:
        """Of all files."""
        return sum(facts.bytes for facts in self.files.values())

    @property
    def hub_id(self) -> str:
        """Its name on the hub, `owner/name`; empty where it is not there."""
        for start in ("hf://datasets/", "https://huggingface.co/datasets/"):
            if self.url.startswith(start):
                return "/".join(self.url.removeprefix(start).split("/")[:2])
        return ""

    @property
    def main_files(self) -> dict[str, FileFacts]:
        """The files with images in them, and no tables or records."""
        suffix = {"webdataset": ".tar", "parquet": ".parquet", "npy": ".npy"}.get(
            self.format, f".{self.image_format}"
        )
        return {name: facts for name, facts in self.files.items() if name.endswith(suffix)}

    @property
    def table_files(self) -> dict[str, FileFacts]:
        """The tables of what is known of each image, where images are not in them."""
        if self.format == "parquet":
            return {}
        return {name: one for name, one in self.files.items() if name.endswith(".parquet")}


def size_category(images: int) -> str:
    """The hub's word for a number of images, such as `10K<n<100K`."""
    if images < 1_000:
        return "n<1K"
    for power, (low, high) in enumerate(pairwise(_SIZES), start=4):
        if images < 10**power:
            return f"{low}<n<{high}"
    return "n>1T"


def pattern(facts: CardFacts, tables: bool = False) -> str:
    """The glob of the files with images, or of the tables beside them."""
    if tables:
        return "metadata/*.parquet" if facts.format == "folder" else "*.parquet"
    if facts.format == "folder":
        return f"train/*/*.{facts.image_format}"
    return {"webdataset": "*.tar", "parquet": "*.parquet", "npy": "*.npy"}[facts.format]
