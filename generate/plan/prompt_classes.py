"""Which rows of a prompt file belong to which class."""

from __future__ import annotations

from collections.abc import Sequence

from ...base.errors import InputError, unknown
from ...data.matching import UnknownClassError, classes_meant
from .classes import ClassName, prompt_aliases
from .prompt_row import PromptRow


def rows_by_label(
    rows: Sequence[PromptRow], path: str, classes: Sequence[ClassName]
) -> list[list[PromptRow]]:
    """The rows of each class, in label order.

    Raises `InputError` for a row of no class, and for a class without rows.
    """
    of_class: dict[str, list[PromptRow]] = {}
    for row in rows:
        of_class.setdefault(row.class_name, []).append(row)
    labels = _labels([own[0] for own in of_class.values()], path, classes)
    found: list[list[PromptRow]] = [[] for _ in classes]
    for label, own in zip(labels, of_class.values(), strict=True):
        found[label] += own
    without = [repr(item.name) for item, own in zip(classes, found, strict=True) if not own]
    if without:
        more = f" and {len(without) - 1} more" if without[1:] else ""
        raise InputError(
            f"prompt file {path!r} has no prompts for class {without[0]}{more}: add some, or "
            "leave out the class"
        )
    return found


def _labels(rows: Sequence[PromptRow], path: str, classes: Sequence[ClassName]) -> list[int]:
    """The labels of the classes that rows name; `InputError` for the first that is unknown."""
    names = [item.name for item in classes]
    try:
        return classes_meant([row.class_name for row in rows], names, prompt_aliases(classes), path)
    except UnknownClassError as error:
        row = next(row for row in rows if row.class_name == error.names[0])
        name = row.class_name[:60]
        raise InputError(
            f"{row.place}: {unknown('class', name, names)}; correct or remove it, or add it to the "
            "classes"
        ) from None
