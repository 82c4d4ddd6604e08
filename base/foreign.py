"""Checking values that somebody else wrote against a model of `pydantic`, with one sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from .errors import InputError
from .printable import printable, short

Values = TypeVar("Values", bound=BaseModel)
Fields = TypeVar("Fields")


class ForeignValues(BaseModel):
    """Fields that we or a library read; others may stand beside them. No value is converted."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


def check_values(kind: type[Values], content: Any, where: str, remedy: str) -> Values:
    """The values of `content` as `kind` has them, with its defaults.

    Raises `InputError` for the first that is not such: it begins with `where` and ends in `remedy`.
    """
    _check_named(content, where, remedy)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise _sentence(error, content, where, remedy) from None


def check_fields(kind: type[Fields], content: Any, where: str, remedy: str) -> Fields:
    """A dataclass of what JSON gave, with tuples for lists; raises as `check_values` does."""
    _check_named(content, where, remedy)
    try:
        return TypeAdapter(kind).validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise _sentence(error, content, where, remedy) from None


def _check_named(content: Any, where: str, remedy: str) -> None:
    if not isinstance(content, Mapping):
        raise InputError(f"{where} is {short(content)} and not values by their names; {remedy}")


def _sentence(error: ValidationError, content: Any, where: str, remedy: str) -> InputError:
    first = error.errors()[0]
    place, found = _found(content, first["loc"])
    if first["type"] in ("missing", "missing_argument"):
        last = str(first["loc"][-1])
        return InputError(f"{where} lacks '{f'{place}.{last}' if place else last}'; {remedy}")
    expected = first["msg"].removeprefix("Value error, ")
    expected = expected[:1].lower() + expected[1:]
    at = f"has {short(found)} as '{printable(place)}'" if place else f"is {short(found)}"
    return InputError(f"{where} {at}: {expected}; {remedy}")


def _found(content: Any, place: Sequence[str | int]) -> tuple[str, Any]:
    """The path of what is at `place`, such as `files.model[0]`, and that.

    Names of alternatives stand in the place, too, which are no part of the content.
    """
    path = ""
    for part in place:
        if isinstance(content, Mapping) and part in content:
            path += f".{part}" if path else str(part)
        elif isinstance(content, list) and isinstance(part, int) and part < len(content):
            path += f"[{part}]"
        else:
            continue
        content = content[part]
    return path, content
