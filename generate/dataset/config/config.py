"""The configuration of a dataset: all that decides its images, in a file of its folder."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, JsonValue, PositiveInt

from ....base.digest import key_digest
from ....base.errors import InputError
from ....base.files import write_atomically
from ....base.foreign import ForeignValues, check_values
from ....base.printable import short
from ....base.settings import build, plain, read_values, read_yaml
from ....base.yaml_files import parse_yaml
from ...plan.classes import ClassName, parse_classes
from ..commit.shards import ShardPlan
from ..store.store import PENDING, Store
from .settings import DatasetSettings

CONFIG = "dataset.yaml"
VERSION = 1
_REMEDY = "restore it from another copy"

FREE = {
    "generate": (
        "model",
        "unet",  # it and the files are in the model's digest
        "lora",
        "variant",
        "textual_inversion",
        "clip_skip",
        "engine",
        "attention",
        "cuda_graphs",
        "batch_size",
        "vae_batch_size",
        "memory",
        "tune",
    ),
    # The recipe's content has the guidance that was asked for; encoders have a digest.
    "": ("images_per_class", "device", "devices", "recipe", "guidance", "encoder"),
}
"""What may differ between workers of one dataset, by section."""


class _Stored(ForeignValues):
    version: int
    digest: str
    images_per_class: Annotated[tuple[PositiveInt, ...], Field(min_length=1, strict=False)]
    model_digest: str
    settings: dict[str, Any]
    recipe_content: dict[str, JsonValue]
    encoder_digest: str | None = None
    found: dict[str, dict[str, Any]] = Field(default_factory=dict)


@dataclass(frozen=True)
class DatasetConfig:
    """A dataset's settings once all is settled, and its size."""

    settings: DatasetSettings
    """Precision, sizes and scheduler as the first worker settled them."""
    recipe: Mapping[str, Any]
    """The recipe's content."""
    model: str
    """The digest of the model's files."""
    ends: tuple[int, ...]
    """Images of each class: at first, and after each extension."""
    found: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What tuning came to, by device: workers on the same device make the same bits by it."""
    encoder: str | None = None
    """The digest of the files of the dual encoder that images have to agree with; None without."""

    @property
    def classes(self) -> tuple[ClassName, ...]:
        """In label order."""
        return parse_classes(self.settings.classes)

    @property
    def plan(self) -> ShardPlan:
        """The shards."""
        count = len(self.classes)
        ends = tuple(end * count for end in self.ends)
        return ShardPlan(ends, self.settings.shard_size, self.digest)

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the images and their files, in hex."""
        return key_digest(self.decisive())

    def decisive(self) -> dict[str, Any]:
        """All that decides the images and their files, by dotted names."""
        content = plain(self.settings)
        content["classes"] = [[item.name, item.prompt] for item in self.classes]
        for section, names in FREE.items():
            inner = content[section] if section else content
            for name in names:
                del inner[name]
        return {
            **_flat(content),
            "recipe": dict(self.recipe),
            "model's digest": self.model,
            "encoder's digest": self.encoder,
        }

    def extended(self, images_per_class: int) -> DatasetConfig:
        """The same dataset with so many more images of each class."""
        return replace(self, ends=(*self.ends, self.ends[-1] + images_per_class))

    def content(self) -> bytes:
        """As YAML."""
        content = {
            "version": VERSION,
            "digest": self.digest,
            "images_per_class": list(self.ends),
            "model_digest": self.model,
            "settings": plain(self.settings),
            "recipe_content": dict(self.recipe),
            "encoder_digest": self.encoder,
            "found": {device: dict(found) for device, found in self.found.items()},
        }
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode()

    def write(self, store: Store) -> None:
        """Write the configuration into a dataset's folder, in place of the one that is there."""
        store.write(CONFIG, self.content())


def write_new(store: Store, config: DatasetConfig) -> DatasetConfig:
    """Begin a dataset; gives the configuration of the worker that was first to do so."""
    token = f"config-{secrets.token_hex(4)}"
    try:
        # Where the dataset was begun meanwhile, its workers remove the file that has no worker.
        with suppress(FileNotFoundError):
            write_atomically(store.scratch(token) / CONFIG, config.content())
            if store.create(token, CONFIG, CONFIG):
                return config
        return read_config(store)
    finally:
        store.remove(f"{PENDING}/{token}")


def read_config(store: Store) -> DatasetConfig:
    """The configuration of the dataset in a place; `InputError` where there is none of ours."""
    source = f"{CONFIG} in {store.url!r}"
    try:
        content = parse_yaml(store.read(CONFIG).decode(), source)
    except FileNotFoundError:
        raise InputError(
            f"{store.url!r} holds no dataset of zeroreal: give the folder of `zeroreal generate`"
        ) from None
    except InputError:
        raise
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{source} is damaged ({reason}): {_REMEDY}") from None
    version = content.get("version", VERSION) if isinstance(content, dict) else VERSION
    if version != VERSION:
        raise InputError(
            f"the dataset in {store.url!r} is of version {short(version)}, this zeroreal knows "
            f"version {VERSION}: use the zeroreal that made it"
        )
    stored = check_values(_Stored, content, source, _REMEDY)
    values = read_values(DatasetSettings, stored.settings, source)
    return DatasetConfig(
        build(DatasetSettings, values, source),
        stored.recipe_content,
        stored.model_digest,
        stored.images_per_class,
        stored.found,
        stored.encoder_digest,
    )


def read_settings_file(path: Path) -> dict[str, Any]:
    """The values that a YAML file gives to settings, or that a dataset's configuration holds.

    Raises `InputError` for a file that cannot be read, unknown fields and values of a wrong type.
    """
    content = read_yaml(path)
    if "settings" in content:
        stored = check_values(_Stored, content, f"configuration {str(path)!r}", _REMEDY)
        content = {**stored.settings, "images_per_class": stored.images_per_class[-1]}
    return read_values(DatasetSettings, content, str(path))


def check_unchanged(store: Store, config: DatasetConfig) -> None:
    """Raise `InputError` where another dataset has taken the place of this one."""
    # This comes with every shard, and reading YAML takes as long as encoding a hundred images.
    if store.exists(CONFIG) and f"\ndigest: {config.digest}\n".encode() in store.read(CONFIG):
        return
    if read_config(store).digest != config.digest:
        raise InputError(
            f"another dataset has been begun in {store.url!r} since this worker began: nothing "
            "more is written, give the command again in a folder of its own"
        )


def differences(stored: DatasetConfig, wanted: DatasetConfig) -> list[str]:
    """What of `wanted` makes other images or files than `stored`, in words."""
    before, now = stored.decisive(), wanted.decisive()
    return [
        f"{name} is {short(now.get(name))} here and {short(before.get(name))} there"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def _flat(content: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": one for inner, one in value.items()}
        else:
            flat[name] = value
    return flat
