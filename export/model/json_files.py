"""JSON files of a model, read with one sentence for what is wrong with them, and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base.errors import InputError


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; `InputError` if it is missing or no JSON object."""
    if not path.is_file():
        raise InputError(
            f"model file {str(path)!r} is missing: give a whole folder that diffusers saved"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"model file {str(path)!r} is not valid JSON ({error}): copy it again"
        ) from None
    if not isinstance(content, dict):
        raise InputError(f"model file {str(path)!r} is not a JSON object: copy it again")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object into a JSON file, whose folder need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
