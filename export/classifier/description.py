"""What a classifier's file says of itself, as the properties that ONNX files may carry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from ...base.errors import InputError
from ...base.foreign import check_fields
from ...base.reading import parse_json

_TEXTS = ("run_digest", "zeroreal_version")
REMEDY = "give a file that zeroreal deploy wrote"


@dataclass(frozen=True)
class Description:
    """What must be known of a classifier to use it, and how far to trust it."""

    classes: tuple[str, ...]
    prompts: tuple[str, ...]
    image_size: int
    """Side in pixels of what the network sees."""
    accuracy: float | None
    """On the real images of the run's test; None where it had none."""
    tested_images: int
    tested_on: str | None
    temperature: float
    """What logits are divided by."""
    reject_score: str | None
    """What tells pictures that are none of the classes: softmax, energy or ranks; None where they
    are not told."""
    reject_threshold: float | None
    """Pictures whose score is below are rejected."""
    run_digest: str
    """SHA-256 of the run's weights."""
    zeroreal_version: str

    def properties(self) -> dict[str, str]:
        """As texts by name: JSON, but for what is a text already."""
        return {
            name: value if name in _TEXTS else json.dumps(value, ensure_ascii=False)
            for name, value in asdict(self).items()
        }


def description_of(properties: Mapping[str, str], where: str) -> Description:
    """The description in these properties; `InputError`, which begins with `where`, if none is."""
    content: dict[str, Any] = {}
    for name in Description.__dataclass_fields__:
        if name not in properties:
            raise InputError(f"{where} lacks {name!r} among its properties: {REMEDY}")
        try:
            text = properties[name]
            content[name] = text if name in _TEXTS else parse_json(text, where)
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"{where} has no JSON as {name!r} ({error}): {REMEDY}") from None
    found = check_fields(Description, content, where, REMEDY)
    if not len(found.prompts) == len(found.classes) == len(set(found.classes)) > 1:
        raise InputError(f"{where} lacks classes, prompts, or has a class twice: {REMEDY}")
    if found.image_size < 1 or not (isfinite(found.temperature) and found.temperature > 0):
        raise InputError(
            f"{where} has image size {found.image_size} and temperature {found.temperature}, which "
            f"must be above 0: {REMEDY}"
        )
    return found
