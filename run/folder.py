"""The folder of a run, and the configuration in it."""

from __future__ import annotations

import os
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ..base import InputError
from ..base.files import write_atomically
from ..kernels import AugmentRanges
from ..train.settings import DegradeRanges, TrainSettings
from .settings import RunSettings

CONFIG = "config.yaml"


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
    if not os.access(folder, os.W_OK):
        raise InputError(f"output folder {str(folder)!r} is not writable: choose another")
    return folder


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


def write_config(folder: Path, settings: RunSettings, recipe: dict[str, Any]) -> None:
    """Write the configuration, with the recipe's content as it was."""
    content = {**_plain(asdict(settings)), "recipe_content": recipe}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_atomically(folder / CONFIG, text.encode())


def read_config(folder: Path) -> tuple[RunSettings, dict[str, Any]]:
    """The settings of a run and its recipe's content; `InputError` if the folder holds no run."""
    path = folder / CONFIG
    if not path.is_file():
        raise InputError(f"{str(folder)!r} holds no run: give the folder of an interrupted run")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        recipe = content.pop("recipe_content")
        train = content.pop("train")
        ranges = {name: tuple(train["augment"][name]) for name in ("area", "aspect")}
        train["augment"] = AugmentRanges(**{**train["augment"], **ranges})
        train["degrade"] = DegradeRanges(**train["degrade"])
        for name in ("classes", "devices", "guidance_interval"):
            if content[name] is not None:
                content[name] = tuple(content[name])
        known = {field.name for field in fields(RunSettings)}
        if set(content) != known - {"train"}:
            raise ValueError("its fields are not those of this version")
        return RunSettings(**content, train=TrainSettings(**train)), recipe
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{str(path)!r} cannot be read ({reason}): start a new run") from None


def _plain(value: Any) -> Any:
    """Tuples as lists, for YAML."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
