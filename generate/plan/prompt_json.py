"""Prompts in JSON: lists by class, as CuPL publishes them, or a mapping a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...base.errors import InputError
from ...base.printable import short
from ...base.reading import parse_json
from .prompt_row import COLUMNS, PromptRow, check_columns, prompt_row

_FORM = '{"cat": ["a cat on a sofa", ...], ...}'


def json_rows(text: str, where: str) -> Iterator[PromptRow]:
    """The prompts of a mapping of classes; `InputError` begins with `where`."""
    content = _parsed(text, where) if text.strip() else {}
    if not isinstance(content, dict):
        raise InputError(f"{where} is {short(content)}: {_FORM} was expected")
    for name, entry in content.items():
        for language, items in (entry if isinstance(entry, dict) else {"": entry}).items():
            place = f"{where}, class {short(name)}"
            place += f", language {short(language)}" if language else ""
            if not isinstance(items, list):
                raise InputError(f"{place} is {short(items)}: a list of prompts was expected")
            if not items:
                raise InputError(f"{place} has no prompts: add some, or remove it")
            for number, item in enumerate(items, 1):
                yield _item(item, name, language, f"{place}, prompt {number}")
        if not entry:
            raise InputError(f"{where}, class {short(name)} has no prompts: add some, or remove it")


def _item(item: object, name: str, language: str, place: str) -> PromptRow:
    """A prompt of a list: its text alone, or more by name."""
    if isinstance(item, str):
        item = {"prompt": item}
    if not isinstance(item, dict):
        raise InputError(f"{place} is {short(item)}: text or a mapping with `prompt` was expected")
    check_columns(list(item), place, COLUMNS[1:], ("prompt",))
    return prompt_row({"language": language, **item, "class": name}, place)


def json_line_rows(text: str, where: str) -> Iterator[PromptRow]:
    """The prompts of one object a line; `InputError` begins with `where`."""
    # Not `splitlines`, which also breaks at characters that JSON allows inside text.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{where}, line {number}"
        fields = _parsed(line, place)
        if not isinstance(fields, dict):
            raise InputError(
                f'{place} is {short(fields)}: {{"class": ..., "prompt": ...}} was expected'
            )
        check_columns(list(fields), place)
        yield prompt_row(fields, place)


def _parsed(text: str, place: str) -> Any:
    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{place} has {short(twice)} twice in one mapping: join the two")
        return fields

    try:
        return parse_json(text, place, mapping)
    except InputError:
        raise
    except json.JSONDecodeError as error:
        spot = (
            f"line {error.lineno}, column {error.colno}"
            if "\n" in text
            else (f"column {error.colno}")
        )
        raise InputError(f"{place} is not JSON ({error.msg} at {spot}): correct it") from None
    except ValueError as error:  # a number of thousands of digits
        raise InputError(f"{place} is not JSON that can be read ({error}): correct it") from None
