"""JSON files of a model, read with one sentence for what is wrong with them, and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base.errors import InputError
from ...base.reading import is_file, load_json


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; `InputError` if it is missing or no JSON object."""
    if not is_file(path, "model file"):
        raise InputError(
            f"model file {str(path)!r} is missing: give a whole folder that diffusers saved"
        )
    content = load_json(path, "model file", "copy it again")
    if not isinstance(content, dict):
        raise InputError(f"model file {str(path)!r} is not a JSON object: copy it again")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object into a JSON file, whose folder need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
