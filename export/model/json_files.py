"""JSON files of a model, with one sentence for what is wrong with them."""

from __future__ import annotations

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
