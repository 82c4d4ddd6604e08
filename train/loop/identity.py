"""What a training must agree in with a checkpoint to go on from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from ...base.printable import short
from ...kernels import AugmentRanges
from ..settings import FORMER_SETTINGS, DegradeRanges, TrainSettings

RECIPE = "recipe"
"""Under this name an identity has the fields of `TrainSettings`."""

_MISSING = "(nothing)"


def as_written(identity: Mapping[str, Any]) -> dict[str, Any]:
    """An identity as JSON gives it back."""
    written: dict[str, Any] = json.loads(json.dumps(identity))
    return written


def difference(found: Any, expected: Mapping[str, Any]) -> str:
    """In what a checkpoint is of another training, the first difference; empty if there is none.

    A setting that only one of them has was added by a newer version: the other has its default. So
    was a group of settings that `found` does not have: nothing is known of it.
    """
    if not isinstance(found, Mapping):  # somebody else wrote it
        return f"{short(found)}, which names no training"
    for name, value in expected.items():
        theirs = found.get(name)
        if isinstance(value, Mapping) and isinstance(theirs or value, Mapping):
            defaults = as_written(_defaults()) if name == RECIPE else {}
            for path, their, our in _differences(theirs or value, value, defaults):
                return f"{name} with {path} {_shown(their)}, this training has {_shown(our)}"
        elif theirs != value:
            return f"{name} {theirs!r}, this training has {value!r}"
    return ""


def _defaults() -> dict[str, Any]:
    """What a setting is where nothing is said of it."""
    return {
        **asdict(TrainSettings()),
        **FORMER_SETTINGS,
        "augment": asdict(AugmentRanges()),
        "degrade": asdict(DegradeRanges()),
    }


def _differences(
    found: Mapping[str, Any], expected: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Each setting that differs: its name in words, its value there and its value here."""
    for name in {**expected, **found}:
        default = defaults.get(name, _MISSING)
        their, our = found.get(name, default), expected.get(name, default)
        if isinstance(their, Mapping) and isinstance(our, Mapping):
            inner = default if isinstance(default, Mapping) else {}
            for path, one, other in _differences(their, our, inner):
                yield f"{name}.{path}", one, other
        elif their != our:
            yield name.replace("_", " "), their, our


def _shown(value: Any) -> str:
    return value if value is _MISSING else repr(value)
