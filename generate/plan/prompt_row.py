"""One prompt of a file, checked."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...base.errors import InputError, unknown
from ...base.printable import short

COLUMNS = ("class", "prompt", "weight", "negative_prompt", "language")
MOST_CHARACTERS = 4_000
"""Of a prompt. What is longer is no prompt but a mistake: models read some 75 words."""


@dataclass(frozen=True)
class PromptRow:
    """A prompt of a class, as its file has it."""

    class_name: str
    prompt: str
    weight: float = 1.0
    """How often the class has it, relative to its other prompts."""
    negative_prompt: str = ""
    """What its images lead away from; empty: what the recipe says."""
    language: str = ""
    place: str = field(default="", compare=False)
    """Where it stands, for errors."""


def prompt_row(fields: Mapping[str, object], place: str) -> PromptRow:
    """The prompt that `fields` hold by the names in `COLUMNS`.

    Raises `InputError`, which begins with `place`, for values that cannot be used.
    """
    return PromptRow(
        class_name=_text(fields, "class", place, needed=True),
        prompt=_text(fields, "prompt", place, needed=True),
        weight=_weight(fields.get("weight"), place),
        negative_prompt=_text(fields, "negative_prompt", place),
        language=_text(fields, "language", place),
        place=place,
    )


def check_columns(
    names: Sequence[str],
    place: str,
    known: Sequence[str] = COLUMNS,
    needed: Sequence[str] = ("class", "prompt"),
) -> None:
    """Raise `InputError` for a name that is unknown, repeated or missing."""
    for number, name in enumerate(names):
        if name not in known:
            raise unknown(f"column of {place},", name[:60], known)
        if name in names[:number]:
            raise InputError(f"{place} has the column {name!r} twice: remove one of them")
    for name in needed:
        if name not in names:
            raise InputError(f"{place} lacks the column {name!r}: known are {', '.join(known)}")


def _text(fields: Mapping[str, object], name: str, place: str, needed: bool = False) -> str:
    value = fields.get(name)
    value = "" if value is None else value
    if not isinstance(value, str):
        raise InputError(f"{place}: {name} is {short(value)}: text was expected")
    if len(value) > MOST_CHARACTERS:
        raise InputError(
            f"{place}: {name} {short(value)} has {len(value):,} characters, at most "
            f"{MOST_CHARACTERS:,} are taken: shorten it"
        )
    text = " ".join(value.split())
    if needed and not text:
        raise InputError(f"{place}: {name} is empty: fill it in, or remove the entry")
    # Format characters are right: scripts and emoji are joined by them.
    if not text.isprintable() and any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise InputError(f"{place}: {name} {short(text)} holds control characters: remove them")
    return text


def _weight(value: object, place: str) -> float:
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{place}: weight is {short(value)}: a number was expected")
    try:
        weight = float(value)
    except OverflowError:
        weight = math.inf
    if not 0 < weight < math.inf:
        raise InputError(
            f"{place}: weight is {short(value)}: a finite number above 0 was expected, remove "
            "prompts that are not wanted"
        )
    return weight
