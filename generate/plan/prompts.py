"""Prompts from templates: fields filled in, with the right indefinite article before them."""

from __future__ import annotations

import re
from string import Formatter

from ...base.articles import with_articles
from ...base.errors import InputError, unknown
from .wordnet import DICTIONARY_FIELDS, dictionary_values

FIELDS = ("class", "domain", "attribute", *DICTIONARY_FIELDS)


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


def fill(
    template: str, class_prompt: str, domain: str = "", attribute: str = "", language: str = ""
) -> str:
    """The prompt: `fill("a {domain} of a {class}", "ankle boot", "sketch")` has "an ankle boot".

    Articles of another `language` than English stay as they are. Raises `InputError` where a field
    takes WordNet, and it has no answer.
    """
    values = {"class": class_prompt, "domain": domain, "attribute": attribute}
    if asks_dictionary(template):
        values |= dictionary_values(class_prompt)
    return with_articles(template, values) if is_english(language) else template.format_map(values)


def is_english(language: str) -> bool:
    """Whether prompts of a `language` are English, as they are where none is named."""
    return re.split("[-_]", language.lower())[0] in ("", "en", "english")


def asks_dictionary(template: str) -> bool:
    """Whether a field takes WordNet."""
    return any(f"{{{field}}}" in template for field in DICTIONARY_FIELDS)
