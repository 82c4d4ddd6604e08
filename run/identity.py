"""What decides a run's result beside its settings, to tell whether it is still the same."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..base import InputError
from ..base.digest import key_digest
from ..base.settings import plain
from ..encoders import encoder_digest
from ..generate.dataset.config.config import FREE
from ..generate.dataset.config.model_digest import model_digest
from .parts import Parts
from .settings import RunSettings
from .stored.images import StoredImages

_log = logging.getLogger(__name__)

_MODEL, _TEACHER, _BASELINE = "model", "teacher", "baseline encoder"
_SELECTING = "selecting encoder"
_ROUNDING = ("threads", "torch")
_FREE = {*FREE["generate"], "vae"}  # which is in the model's digest, too


def images_identity(parts: Parts) -> dict[str, Any]:
    """All that decides the images of a run but for rounding, by name, as JSON can hold it."""
    settings = plain(parts.settings)
    return {
        "classes": [[item.name, item.prompt] for item in parts.classes],
        "images_per_class": settings["images_per_class"],
        "seed": settings["seed"],
        "origin": key_digest(parts.origin),
        "model's digest": _model(parts),
        **{k: v for k, v in settings["generate"].items() if k not in _FREE},
    }


def selection_identity(parts: Parts) -> dict[str, Any]:
    """All that decides which of the images are trained on, likewise."""
    wanted = parts.settings.selection
    share = None if wanted.select is None else wanted.share
    return {
        "select": wanted.select,
        "keep": share,
        "encoder": encoder_digest(_selecting(parts)),
    }


def made_with(parts: Parts) -> dict[str, Any]:
    """Digests of the models, and what rounding depends on, for `check_made_with`."""
    return {
        _MODEL: _model(parts),
        _TEACHER: encoder_digest(parts.settings.gap.teacher),
        _BASELINE: encoder_digest(_baseline_of(parts)),
        _SELECTING: encoder_digest(_selecting(parts)),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),  # a string of a kind of its own
    }


def check_made_with(before: Mapping[str, Any], parts: Parts, folder: Path) -> None:
    """Raise `InputError` where a model has changed since the run in `folder` began.

    Where only rounding may differ, that is said. `before` is what `made_with` gave then, or a part
    of it.
    """
    now, settings = made_with(parts), parts.settings
    names = {
        _MODEL: _name_of(settings),
        _TEACHER: settings.gap.teacher,
        _BASELINE: _baseline_of(parts),
        _SELECTING: _selecting(parts),
    }
    for kind, name in names.items():
        _check_same(kind, name, before.get(kind, now[kind]), now[kind], folder)
    for what in _ROUNDING:
        if before.get(what, now[what]) != now[what]:
            _log.warning(
                "the run in %s began with %s %s, and goes on with %s: its weights can differ in "
                "rounding from those of a run in one go",
                folder,
                what,
                before[what],
                now[what],
            )


def check_model(
    before: Mapping[str, Any], model: Path, settings: RunSettings, folder: Path
) -> None:
    """Raise `InputError` where the diffusion model, in the folder `model`, has changed since.

    `before` is what `made_with` gave when the run in `folder` began, or a part of it.
    """
    now = model_digest(model, settings.generate)
    _check_same(_MODEL, _name_of(settings), before.get(_MODEL, now), now, folder)


def _baseline_of(parts: Parts) -> str | None:
    """The encoder of the run's baselines; None without any."""
    wanted = parts.settings.baselines
    return wanted.encoder_name(parts.names) if wanted.baseline else None


def _selecting(parts: Parts) -> str | None:
    """The encoder by which images are selected; None where all are trained on."""
    wanted = parts.settings.selection
    return None if wanted.select is None else wanted.encoder_name(parts.names)


def _name_of(settings: RunSettings) -> str:
    return settings.generate.model or "that ships"


def _check_same(kind: str, name: str | None, before: object, now: object, folder: Path) -> None:
    if before != now:
        raise InputError(
            f"{kind} {name!r} has changed since the run in {str(folder)!r} began: restore it, "
            "or start a new run"
        )


def _model(parts: Parts) -> str | None:
    """The digest of the diffusion model; None without one."""
    if isinstance(parts.source, StoredImages):
        return None
    return model_digest(parts.source.facts.folder, parts.settings.generate)
