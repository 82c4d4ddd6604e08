"""Contenders by what people write: `ours`, `usual`, or `informed:epochs=8,compile=true`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import yaml

from ...base import InputError, unknown
from ...base.settings import build, merge, read_values, values_of
from ...run.settings import RunSettings
from .peer_settings import PeerSettings

OURS, USUAL, INFORMED = "ours", "usual", "informed"
_KINDS: Mapping[str, type] = {OURS: RunSettings, USUAL: PeerSettings, INFORMED: PeerSettings}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {INFORMED: {"recipe": RunSettings.recipe}}
_GIVEN_ELSEWHERE = {"images_per_class", "seed", "device", "classes", "data", "images"}
"""Of all contenders the same, by settings of the benchmark, or fixed."""


@dataclass(frozen=True)
class Contender:
    """One way from class names to a classifier."""

    name: str
    """As people wrote it."""
    settings: RunSettings | PeerSettings


def parse_contender(text: str) -> Contender:
    """The contender that `text` names; `InputError` for what is unknown or cannot be used."""
    kind, _, changes = text.partition(":")
    if kind not in _KINDS:
        raise unknown("contender", kind, _KINDS)
    settings, source = _KINDS[kind], f"contender {text!r}"
    content: dict[str, Any] = {}
    for change in changes.split(",") if changes else []:
        name, equals, value = change.partition("=")
        if not equals:
            raise InputError(f"{source}: {name!r} has no value: write {name}=VALUE")
        _put(content, settings, name.strip(), value.strip(), source)
    given = read_values(settings, content, source)
    return Contender(text, build(settings, merge(settings, _DEFAULTS.get(kind, {}), given), source))


def _put(content: dict[str, Any], kind: type, name: str, text: str, source: str) -> None:
    """Put a value into its place among the nested settings of `kind`."""
    values = {".".join(value.path): value for value in values_of(kind)}
    found = [path for path in values if path == name or path.endswith(f".{name}")]
    if name in values:
        found = [name]
    if not found or found[0] in _GIVEN_ELSEWHERE:
        known = [path for path in values if path not in _GIVEN_ELSEWHERE]
        raise InputError(f"{source}: {unknown('setting', name, known)}")
    if len(found) > 1:
        raise InputError(f"{source}: {name!r} may be {' or '.join(found)}: write which")
    value = values[found[0]]
    *sections, last = value.path
    for section in sections:
        content = content.setdefault(section, {})
    # YAML takes off and no for booleans.
    is_text = value.option.read is not None or str in (value.type, *get_args(value.type))
    content[last] = text if is_text else yaml.safe_load(text)
