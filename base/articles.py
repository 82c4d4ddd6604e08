"""Sentences from templates: fields filled in, with the right indefinite article before them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import inflect

Function = TypeVar("Function", bound=Callable[..., object])
_ARTICLE = re.compile(r"\b(an?)(\s+)\{(\w+)\}", re.IGNORECASE)


def with_articles(template: str, values: Mapping[str, str]) -> str:
    """The sentence: "a photo of a {class}" has "an ankle boot" where that is the class."""

    def with_article(match: re.Match[str]) -> str:
        written, space, field = match.groups()
        article = indefinite_article(values[field])
        return f"{article.capitalize() if written[0] == 'A' else article}{space}{{{field}}}"

    return _ARTICLE.sub(with_article, template).format_map(values)


@lru_cache(maxsize=65536)
def indefinite_article(phrase: str) -> str:
    """`a` or `an`, by the sound that `phrase` begins with."""
    return str(_english().a(phrase)).split(maxsplit=1)[0]


def plural(phrase: str) -> str:
    """The plural of a noun phrase: "ankle boots"."""
    return str(_english().plural(phrase))


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
