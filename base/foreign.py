"""Checking values that somebody else wrote against a model of `pydantic`, with one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import InputError
from .printable import short

Values = TypeVar("Values", bound=BaseModel)


class ForeignValues(BaseModel):
    """Fields that we or a library read; others may stand beside them. No value is converted."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


def check_values(kind: type[Values], content: Mapping[str, Any], where: str, remedy: str) -> Values:
    """The values of `content` as `kind` has them, with its defaults.

    Raises `InputError` for the first that is not such: it begins with `where` and ends in `remedy`.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        # Names of alternatives stand in the place, too, after the field.
        place, *inner = first["loc"] or ("",)
        at = "".join(f"[{part}]" for part in inner if isinstance(part, int))
        found = content.get(str(place))
        expected = first["msg"].removeprefix("Value error, ")
        expected = expected[:1].lower() + expected[1:]
        raise InputError(
            f"{where} has {short(found)} as '{place}'{at and f', {at},'}: {expected}; {remedy}"
        ) from None
