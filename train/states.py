"""What a state must have before training goes on from it: its format's version and keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT = 1
"""Of the states and checkpoints that are written. Those without a version have the same format."""
VERSION = "version"

_REMEDY = "go on with the version of zeroreal that wrote it, or start anew"


def check_state(
    state: Any, keys: Collection[str], what: str, optional: Collection[str] = ()
) -> None:
    """Raise `InputError` unless `state` has `keys`, and no others but `optional` and a version.

    `what` names the state in the complaint.
    """
    if not isinstance(state, Mapping):
        raise InputError(f"{what} is of type {type(state).__name__}, not a mapping: {_REMEDY}")
    version = state.get(VERSION, FORMAT)
    if version != FORMAT:
        raise InputError(f"{what} has format version {version!r}, not {FORMAT}: {_REMEDY}")
    check_names(state, keys, what, {*optional, VERSION})


def check_names(
    found: Collection[Any], expected: Collection[Any], what: str, optional: Collection[Any] = ()
) -> None:
    """Raise `InputError` unless the names `found` are those `expected`, but for `optional` ones."""
    defects = [
        f"{verb} {_listed(names)}"
        for verb, names in (
            ("lacks", [name for name in expected if name not in found]),
            ("has the unknown", [n for n in found if n not in expected and n not in optional]),
        )
        if names
    ]
    if defects:
        raise InputError(f"{what} {' and '.join(defects)}: {_REMEDY}")


def check_shape(found: Any, expected: Collection[int], what: str) -> None:
    """Raise `InputError` unless `found` is of the shape that is expected."""
    shape = tuple(getattr(found, "shape", ()))
    if shape != tuple(expected):
        raise InputError(f"{what} has shape {shape}, not {tuple(expected)}: {_REMEDY}")


def written(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a training, as it stands in its states: settings are written as their `repr`."""
    return {name: repr(v) if is_dataclass(v) else v for name, v in identity.items()}


def check_identity(state: Mapping[str, Any], identity: Mapping[str, Any], what: str) -> None:
    """Raise `InputError` unless `state` agrees with `identity` in all that decides a training."""
    for name, value in identity.items():
        found = state[name]
        same = _is_repr(str(found), value) if is_dataclass(value) else found == value
        if not same:
            raise InputError(
                f"{what} is of {name.replace('_', ' ')} {found}, this one has {value}: go on with "
                "that, or start anew"
            )


def _is_repr(text: str, settings: DataclassInstance | type[DataclassInstance]) -> bool:
    """Whether `text` is the `repr` of `settings`, but for fields that a newer version added.

    These must have their defaults.
    """
    known = set(re.findall(r"\b(\w+)=", text))
    shown = [
        f"{field.name}={getattr(settings, field.name)!r}"
        for field in fields(settings)
        if field.name in known or getattr(settings, field.name) != field.default
    ]
    return text == f"{type(settings).__name__}({', '.join(shown)})"


def _listed(names: list[Any]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
