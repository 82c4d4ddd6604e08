"""Prompts from templates: fields filled in, with the right indefinite article before them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from string import Formatter
from typing import TYPE_CHECKING, TypeVar

from ...base.errors import InputError, unknown

if TYPE_CHECKING:
    import inflect

FIELDS = ("class", "domain")
Function = TypeVar("Function", bound=Callable[..., object])
_ARTICLE = re.compile(r"\b(an?)(\s+)\{(\w+)\}", re.IGNORECASE)


def template_fields(template: str) -> set[str]:
    """The fields of `template`; `InputError` for unknown ones or unbalanced braces."""
    try:
        parsed = [one for one in Formatter().parse(template) if one[1] is not None]
    except ValueError as error:
        raise InputError(
            f"prompt template {template!r} cannot be read ({error}): "
            "fields are written {class} and {domain}"
        ) from None
    fields = {str(field) for _, field, _, _ in parsed}
    # A width can ask for any number of characters.
    for _, field, width, conversion in parsed:
        if width or conversion:
            raise InputError(
                f"prompt template {template!r} says how to write {{{field}}}, which a prompt has "
                f"no use for: leave out what follows the name"
            )
    for field in sorted(fields - set(FIELDS)):
        raise unknown(f"field of prompt template {template!r}", field, FIELDS)
    return fields


def fill(template: str, class_prompt: str, domain: str = "") -> str:
    """The prompt: `fill("a {domain} of a {class}", "ankle boot", "sketch")` has "an ankle boot"."""
    values = {"class": class_prompt, "domain": domain}

    def with_article(match: re.Match[str]) -> str:
        written, space, field = match.groups()
        article = indefinite_article(values[field])
        return f"{article.capitalize() if written[0] == 'A' else article}{space}{{{field}}}"

    return _ARTICLE.sub(with_article, template).format_map(values)


@lru_cache(maxsize=65536)
def indefinite_article(phrase: str) -> str:
    """`a` or `an`, by the sound that `phrase` begins with."""
    return str(_english().a(phrase)).split(maxsplit=1)[0]


@lru_cache(maxsize=1)
def _english() -> inflect.engine:
    with _without_type_checks():
        import inflect
    return inflect.engine()


@contextmanager
def _without_type_checks() -> Iterator[None]:
    """Inside, typeguard compiles no function anew to check types that we know.

    It does so with all of inflect's, which takes two seconds, as long as importing PyTorch.
    """
    try:
        import typeguard
    except ImportError:  # inflect alone brings it, and need not for ever
        yield
        return
    checking, typeguard.typechecked = typeguard.typechecked, _unchecked  # type: ignore[assignment]
    try:
        yield
    finally:
        typeguard.typechecked = checking


def _unchecked(function: Function) -> Function:
    return function
