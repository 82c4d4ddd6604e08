"""Configurations that the card of a data set declares, as those on the hub do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ..base.errors import InputError

_CARD = "README.md"
_RULE = "---"


def check_one_configuration(folder: Path) -> None:
    """Raise `InputError` for the folder of a data set that has several configurations.

    Each is a data set of its own, with other images or other labels. They are declared under
    `configs` in the YAML at the top of the card (hub documentation, "Manual configuration").
    """
    configs = _front_matter(folder / _CARD).get("configs")
    entries = configs if isinstance(configs, list) else []
    names = [str(one["config_name"]) for one in entries if _is_named(one)]
    if len(set(names)) > 1:
        raise InputError(
            f"{str(folder)!r} has the configurations {', '.join(map(repr, names))}, which are not "
            f"read together: give the files of one, which its {_CARD} names"
        )


def _is_named(entry: object) -> bool:
    return isinstance(entry, dict) and "config_name" in entry


def _front_matter(card: Path) -> dict[str, Any]:
    """The YAML between two rules at the top; empty where there is none that can be read."""
    try:
        text = card.read_text(encoding="utf-8-sig")
        first, *lines = text.splitlines() or [""]
        if first.strip() != _RULE:
            return {}
        end = next(row for row, line in enumerate(lines) if line.strip() == _RULE)
        content = yaml.safe_load("\n".join(lines[:end]))
    except (OSError, UnicodeDecodeError, StopIteration, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
