"""Configurations that the card of a data set declares, as those on the hub do."""

from __future__ import annotations

from pathlib import Path

from ..base.errors import InputError
from ..base.reading import read_text
from ..base.yaml_files import front_matter

_CARD = "README.md"


def check_one_configuration(folder: Path) -> None:
    """Raise `InputError` for the folder of a data set that has several configurations.

    Each is a data set of its own, with other images or other labels. They are declared under
    `configs` in the YAML at the top of the card (hub documentation, "Manual configuration").
    """
    card = folder / _CARD
    text = read_text(card, "card", errors="replace") if card.is_file() else ""
    configs = front_matter(text, f"card {str(card)!r}").get("configs")
    entries = configs if isinstance(configs, list) else []
    names = [str(one["config_name"]) for one in entries if _is_named(one)]
    if len(set(names)) > 1:
        raise InputError(
            f"{str(folder)!r} has the configurations {', '.join(map(repr, names))}, which are not "
            f"read together: give the files of one, which its {_CARD} names"
        )


def _is_named(entry: object) -> bool:
    return isinstance(entry, dict) and "config_name" in entry
