"""Which dual encoder is taken where none was named. Free of PyTorch, so that help is."""

from __future__ import annotations

from collections.abc import Sequence

from ..assets.embedded import EMBEDDED_CLASSES
from ..base.errors import InputError
from ..encoders.settings import EMBEDDED
from ..generate.plan.classes import parse_classes


def encoder_for(given: str | None, classes: Sequence[str], flag: str) -> str:
    """The encoder that was given, or the one that ships, for classes of these names.

    Raises `InputError`, which names the option `flag`, where none was given and the one that ships
    does not know them.
    """
    if given is not None:
        return given
    known = {item.name for item in parse_classes(EMBEDDED_CLASSES)}
    for name in classes:
        if name not in known:
            raise InputError(
                f"the encoder that ships, {EMBEDDED!r}, knows the embedded model's ten garments "
                f"and not {name!r}: name another with {flag}"
            )
    return EMBEDDED
