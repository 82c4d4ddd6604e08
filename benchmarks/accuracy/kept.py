"""What was measured, kept in a folder, so that a command that was interrupted goes on.

Names of files and folders end with a digest of all the settings that decided their content: under
other settings it is not found, and measured again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...base import key_digest
from ...base.files import write_atomically
from ...generate.plan.classes import slug

_DIGITS = 16


def kept_path(folder: Path, name: str, settings: Mapping[str, Any]) -> Path:
    """The path in `folder` of what `settings` decide; `name` is for people who look there."""
    return folder / f"{slug(name)}-{key_digest(settings)[:_DIGITS]}"


def kept_figures(path: Path) -> Any:
    """The figures kept under `path` of `kept_path`; None if there are none."""
    file = _file(path)
    return json.loads(file.read_text())["figures"] if file.exists() else None


def keep_figures(
    folder: Path, name: str, settings: Mapping[str, Any], measure: Callable[[], Mapping[str, Any]]
) -> Any:
    """The figures that `settings` decide, measured if they are not in `folder`."""
    path = kept_path(folder, name, settings)
    if not _file(path).exists():
        content = {"settings": settings, "figures": measure()}
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(_file(path), json.dumps(content, indent=2).encode())
    return kept_figures(path)


def _file(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
