"""The folder of a run, and the configuration in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ..base.errors import InputError
from ..base.files import check_writable, write_atomically
from ..base.printable import short
from ..base.settings import build, plain, read_values, read_yaml, values_of
from ..train.settings import FORMER_SETTINGS
from .paths import with_absolute_paths
from .settings import RunSettings

CONFIG = "config.yaml"
VERSION = 2
"""Of what `write_config` writes. Version 1, without a number, had no sections but `train`."""

_RECIPE = "recipe_content"
_DATASET = "dataset_content"
_MADE_WITH = "made_with"


def new_run_folder(out: str | Path | None, name: str) -> Path:
    """Make the folder of a new run: `out`, which must be new or empty, or `runs/<time>-<name>`."""
    if out is None:
        stem = Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}-{name}"
        folder, number = stem, 1
        while folder.exists():
            number += 1
            folder = stem.with_name(f"{stem.name}-{number}")
    else:
        folder = Path(out)
        check_unused(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"output folder {str(folder)!r} cannot be made ({error.strerror}): choose another"
        ) from None
    check_rights(folder)
    return folder


def check_out(out: str | Path | None) -> None:
    """Raise `InputError` unless a new run's folder can be made and written, before any work."""
    if out is not None:
        check_unused(Path(out))
    check_rights(Path("runs") if out is None else Path(out))


def check_rights(folder: Path) -> None:
    """Raise `InputError` unless files can be written into `folder`, once it is there."""
    try:
        check_writable(folder)
    except OSError as error:
        raise InputError(
            f"output folder {str(folder)!r} cannot be written ({error.filename!r}: "
            f"{error.strerror}): give yourself the right to, or choose another"
        ) from None


def check_unused(folder: Path) -> None:
    """Raise `InputError` if `folder` is anything but absent or an empty folder."""
    if (folder / CONFIG).exists():
        raise InputError(
            f"output folder {str(folder)!r} already holds a run: choose another, or continue an "
            f"interrupted one with --resume {folder}"
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"output folder {str(folder)!r} is not empty: choose another")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output folder {str(folder)!r} is a file: choose another")


def write_config(
    folder: Path,
    settings: RunSettings,
    origin: dict[str, Any],
    made_with: Mapping[str, Any] | None = None,
) -> None:
    """Write the configuration, with the content of the recipe as it was, or of the dataset.

    Paths become absolute, so that the run can be resumed from any folder. `made_with` is what else
    decides the result.
    """
    name = _RECIPE if settings.images is None else _DATASET
    content = {"version": VERSION, **with_absolute_paths(plain(settings)), name: origin}
    content |= {_MADE_WITH: dict(made_with)} if made_with else {}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_atomically(folder / CONFIG, text.encode())


def read_config(folder: Path) -> tuple[RunSettings, dict[str, Any]]:
    """The settings of a run and the content of its recipe or dataset.

    Raises `InputError` if the folder holds no run, or one that this version cannot read.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise InputError(f"{str(folder)!r} holds no run: give the folder of an interrupted run")
    values, origin = read_config_file(path)
    if not isinstance(origin, dict):
        raise InputError(
            f"configuration {str(path)!r} has {short(origin)} as {_RECIPE}: what the run's images "
            "came from was expected; start a new run"
        )
    values["train"] = {**FORMER_SETTINGS, **values.get("train", {})}
    return build(RunSettings, values, str(path)), origin


def read_made_with(folder: Path) -> dict[str, Any]:
    """What else decided the result of a run, as `write_config` was told; empty if it was not."""
    made_with = read_yaml(folder / CONFIG).get(_MADE_WITH)
    return made_with if isinstance(made_with, dict) else {}


def read_config_file(path: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What a configuration file gives: values of `RunSettings`, and what a run's images came from.

    That is the content of its recipe or dataset, or None. The values are nested as in the file, and
    as `build` takes them. Files that earlier versions wrote are read, too. Raises `InputError` for
    a file that cannot be read, unknown fields and values of a wrong type or out of range.
    """
    content = read_yaml(path)
    origin = content.pop(_RECIPE, content.pop(_DATASET, None))
    content.pop(_MADE_WITH, None)
    version = content.pop("version", None)
    if version is None and _is_version_1(content, origin):
        content = _from_version_1(content)
    elif version not in (None, VERSION):
        raise InputError(
            f"configuration {str(path)!r} is of version {version!r}, this zeroreal reads versions "
            f"up to {VERSION}: use the zeroreal that wrote it, or start a new run"
        )
    values = read_values(RunSettings, content, str(path))
    build(RunSettings, values, str(path))  # says which file has a value out of range
    return values, origin


def _is_version_1(content: Mapping[str, Any], recipe: object) -> bool:
    """Whether a run of version 1 wrote this, which wrote all fields of all sections flat."""
    sections = {"generate", "gap"}
    return recipe is not None and "steps" in content and sections.isdisjoint(content)


def _from_version_1(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a file of version 1 in the sections of today."""
    moved = {
        value.path[-1]: value.path
        for value in values_of(RunSettings)
        if len(value.path) == 2 and value.path[0] in ("generate", "gap")
    }
    moved |= {"pool": ("pool", "memory"), "pool_policy": ("pool", "policy")}
    moved |= {name: ("pool", name) for name in ("blocks", "spill", "sharing")}
    placed: dict[str, Any] = {}
    for name, value in content.items():
        *sections, last = moved.get(name, (name,))
        inner = placed
        for one in sections:
            inner = inner.setdefault(one, {})
        inner[last] = value
    return placed
