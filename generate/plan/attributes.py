"""The attributes of a recipe: one list for all classes, or each class's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...base.errors import InputError, unknown
from ...base.printable import short
from ...data.matching import UnknownClassError, match_classes
from .classes import ClassName, prompt_aliases

Attributes = tuple[str, ...] | dict[str, tuple[str, ...]]
"""What all classes have, or by the name of a class what it has."""


def read_attributes(value: Any) -> Any:
    """What a recipe has as `attributes`, as `Attributes`; `ValueError` for anything else."""
    if isinstance(value, Mapping):
        if strange := [name for name in value if not isinstance(name, str)]:
            raise ValueError(
                f"`attributes` names class {short(strange[0])}, which is no text: "
                "write it in quotes"
            )
        return {name: _listed(own, f"those of {short(name)}") for name, own in value.items()}
    return _listed(value, "`attributes`")


def attribute_lists(attributes: Attributes) -> list[tuple[str, ...]]:
    """The list for all classes, or the list of each that is named."""
    return list(attributes.values()) if isinstance(attributes, dict) else [attributes]


def all_attributes(attributes: Attributes) -> tuple[str, ...]:
    """Those of any class, each once."""
    lists = attribute_lists(attributes)
    return tuple(dict.fromkeys(name for one in lists for name in one))


def attributes_by_label(
    attributes: Attributes, recipe: str, classes: Sequence[ClassName]
) -> list[tuple[str, ...]]:
    """The attributes of each class, in label order.

    `recipe` is the name of the one that they are in. Raises `InputError` where it names classes
    that there are not, or one twice, or where a class is missing.
    """
    if not isinstance(attributes, dict):
        return [attributes] * len(classes)
    names, where = [item.name for item in classes], f"`attributes` of recipe {recipe!r}"
    try:
        labels = match_classes(list(attributes), names, prompt_aliases(classes), where)
    except UnknownClassError as error:
        raise InputError(
            f"{where}: {unknown('class', error.names[0][:60], names)}; correct or remove it, or "
            "add it to the classes"
        ) from None
    found = dict(zip(labels, attributes.values(), strict=True))
    without = [name for label, name in enumerate(names) if label not in found]
    if without:
        more = f" and {len(without) - 1} more" if without[1:] else ""
        raise InputError(
            f"{where} has none for class {without[0]!r}{more}: add some, or leave out the class"
        )
    return [found[label] for label in range(len(names))]


def _listed(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError(
            f"{what}: {short(value)} is no list of texts: write [red, old], or such a list for "
            "each class, {cat: [fluffy, black], dog: [wet]}"
        )
    return tuple(value)
