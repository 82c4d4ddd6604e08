"""What classification by a dual encoder goes by. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from collections.abc import Sequence

from ..assets.embedded import EMBEDDED_CLASSES
from ..base.errors import InputError

EMBEDDED = "embedded"
"""The name of the encoder that ships."""
TEMPLATES = ("a photo of a {class}",)


def encoder_for(encoder: str | None, classes: Sequence[str]) -> str:
    """The encoder that the user named, or else the one that ships.

    `classes` are names, or entries with what prompts call them. Raises `InputError` where none was
    named and the one that ships knows nothing of the classes.
    """
    if encoder is not None:
        return encoder
    known = {part.strip() for entry in EMBEDDED_CLASSES for part in (entry, *entry.split(":"))}
    if not known.issuperset(classes):
        raise InputError(
            f"the encoder that ships, {EMBEDDED!r}, knows the embedded model's ten garments and "
            f"not {', '.join(classes)[:60]!r}: name another with --encoder"
        )
    return EMBEDDED
