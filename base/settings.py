"""Settings as frozen dataclasses: the one source of options, configuration files and defaults.

A field is a section, where its type is a dataclass, or else a value. Help is the string under a
value's field; `option` says what name, type and default do not.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from .errors import InputError
from .printable import short
from .yaml_files import load_yaml

__all__ = [
    "Option",
    "Value",
    "build",
    "changed",
    "merge",
    "names_in",
    "option",
    "plain",
    "read_values",
    "read_yaml",
    "section",
    "values_of",
]

Settings = TypeVar("Settings")
_OPTION = "option"


@dataclass(frozen=True)
class Option:
    """How people write a field."""

    flag: str | None = None
    """The command's option; None: `--` and the field's name, with hyphens."""
    short: str | None = None
    """A second, one-letter option."""
    is_argument: bool = False
    """Whether the command takes it by its place; a tuple of texts then takes all that are given."""
    read: Callable[[str], Any] | None = None
    """Gives the value for a text, in the command and in files."""
    shown: str | None = None
    """What help shows for the default; None: the default itself."""
    panel: str | None = None
    """The group in help of this field or, for a section, of all its fields; None: the same as
    that of the section around it."""
    decides_speed: bool = True
    """Whether what is generated takes another time or other memory with another value."""


@dataclass(frozen=True)
class Value:
    """A field that is not a section, wherever it is nested."""

    path: tuple[str, ...]
    """Names of the sections around it, and its own."""
    type: Any
    default: Any
    help: str
    option: Option
    panel: str | None

    @property
    def flag(self) -> str:
        """The command's option."""
        return self.option.flag or f"--{self.path[-1].replace('_', '-')}"


def option(default: Any, **how: Any) -> Any:
    """A field with a default and an `Option` made from `how`."""
    return field(default=default, metadata={_OPTION: Option(**how)})


def section(kind: type, panel: str | None = None) -> Any:
    """A field that holds further settings of the class `kind`, by default its defaults."""
    return field(default_factory=kind, metadata={_OPTION: Option(panel=panel)})


@cache
def values_of(
    kind: type, path: tuple[str, ...] = (), panel: str | None = None
) -> tuple[Value, ...]:
    """All values of a settings class and its sections, in order."""
    types, texts = get_type_hints(kind), _field_texts(kind)
    found: list[Value] = []
    for one in fields(kind):
        how = _option_of(one)
        inner, place = (*path, one.name), how.panel or panel
        if _is_section(one, types):
            found += values_of(types[one.name], inner, place)
        else:
            factory = one.default_factory
            default = one.default if factory is MISSING else factory()
            text = texts.get(one.name, "")
            found.append(Value(inner, types[one.name], default, text, how, place))
    return tuple(found)


def read_values(
    kind: type, content: Any, source: str, path: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The values that `content`, read from a file, gives to fields of `kind`, nested as there.

    Raises `InputError`, which begins with `source` and names the field's path, for unknown fields
    and values of a wrong type.
    """
    if not isinstance(content, Mapping):
        place = ".".join(path) or "the file"
        raise InputError(
            f"{source}: {place} is {short(content)}: settings by their names were expected"
        )
    types, known = get_type_hints(kind), {one.name: one for one in fields(kind)}
    values: dict[str, Any] = {}
    for name, value in content.items():
        inner = (*path, str(name))
        if name not in known:
            raise InputError(f"{source}: {_unknown(inner, kind, path)}")
        read = _option_of(known[name]).read
        try:
            if read is not None and isinstance(value, str):
                values[name] = read(value)
            elif is_dataclass(types[name]):
                values[name] = read_values(types[name], value, source, inner)
            else:
                values[name] = _typed(types[name], value)
        except _WrongTypeError as error:
            raise InputError(f"{source}: {'.'.join(inner)} is {short(value)}: {error}") from None
        except InputError as error:
            message = str(error)
            if not message.startswith(source):
                message = f"{source}: {'.'.join(inner)}: {message}"
            raise InputError(message) from None
    return values


def read_yaml(path: Path) -> dict[str, Any]:
    """The fields of a YAML file; `InputError` where it cannot be read or has none."""
    content = load_yaml(path, "configuration", "give a YAML file")
    if content is not None and not isinstance(content, Mapping):
        raise InputError(f"configuration {str(path)!r} has no fields: write one a line, `steps: 8`")
    return dict(content or {})


def build(kind: type[Settings], values: Mapping[str, Any], source: str = "") -> Settings:
    """Settings with these values, nested as `read_values` gives them, and defaults for the rest.

    Raises `InputError` for values out of range, which begins with `source` where one is given.
    """
    types, made = get_type_hints(kind), {}
    for name, value in values.items():
        inner = f"{source}: {name}" if source else ""
        is_nested = is_dataclass(types[name]) and isinstance(value, Mapping)
        made[name] = build(types[name], value, inner) if is_nested else value
    try:
        return kind(**made)
    except ValueError as error:
        raise InputError(f"{source}: {error}" if source else str(error)) from None


def merge(kind: type, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `kind` from several places, nested as `build` takes them; the last place wins."""
    types = get_type_hints(kind)
    merged: dict[str, Any] = {}
    for one in fields(kind):
        given = [layer[one.name] for layer in layers if one.name in layer]
        if given:
            merged[one.name] = (
                merge(types[one.name], *given) if _is_section(one, types) else given[-1]
            )
    return merged


def changed(settings: Any) -> set[str]:
    """Which values are not as by default, by their dotted paths."""
    names = set()
    kind: type = type(settings)
    for value in values_of(kind):
        found = settings
        for name in value.path:
            found = getattr(found, name)
        if found != value.default:
            names.add(".".join(value.path))
    return names


def names_in(kind: type, values: Mapping[str, Any]) -> set[str]:
    """The dotted paths of the values of `kind` that are in nested `values`."""
    types = get_type_hints(kind)
    names: set[str] = set()
    for one in fields(kind):
        if one.name in values:
            inner = values[one.name]
            nested = names_in(types[one.name], inner) if _is_section(one, types) else None
            names |= {one.name} if nested is None else {f"{one.name}.{name}" for name in nested}
    return names


def plain(settings: Any) -> dict[str, Any]:
    """Settings as nested dicts and lists, which `read_values` and `build` turn into them again."""
    content: dict[str, Any] = _without_tuples(asdict(settings))
    return content


class _WrongTypeError(Exception):
    pass


def _option_of(one: Field[Any]) -> Option:
    how: Option = one.metadata.get(_OPTION, Option())
    return how


def _is_section(one: Field[Any], types: Mapping[str, Any]) -> bool:
    return is_dataclass(types[one.name]) and _option_of(one).read is None


def _typed(kind: Any, value: Any) -> Any:
    """`value`, as YAML has it, as `kind`: lists become tuples, whole numbers also floats."""
    from pydantic import TypeAdapter, ValidationError  # not above: help can spare it

    try:
        # Strict, so that nothing is guessed: '12' and true are not 12.
        return TypeAdapter(kind).validate_json(json.dumps(value), strict=True)
    except TypeError:
        raise _WrongTypeError("text, a number, true, false or a list was expected") from None
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise _WrongTypeError(said[0].lower() + said[1:]) from None


def _unknown(path: tuple[str, ...], kind: type, around: tuple[str, ...]) -> str:
    """What to say of a field that does not exist."""
    sections = [".".join((*around, one.name)) for one in fields(kind)]
    values = [".".join((*around, *value.path)) for value in values_of(kind)]
    by_name = {one.split(".")[-1]: one for one in (*values, *sections)}
    near = get_close_matches(path[-1], by_name, n=1, cutoff=0.5)
    hint = f"did you mean {by_name[near[0]]!r}?" if near else f"known are {', '.join(sections)}"
    return f"{'.'.join(path)!r} is not a setting: {hint}"


@cache
def _field_texts(kind: type) -> dict[str, str]:
    """The strings under the fields of a class and of those it stands on, as one line each."""
    texts: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        texts |= _own_texts(one) if is_dataclass(one) else {}
    return texts


def _own_texts(kind: type) -> dict[str, str]:
    (body,) = (
        one.body
        for one in _module(kind.__module__).body
        if isinstance(one, ast.ClassDef) and one.name == kind.__name__
    )
    return dict(_texts(body))


@cache
def _module(name: str) -> ast.Module:
    # Much faster for several classes than `inspect.getsource`, which the command's help would feel.
    return ast.parse(inspect.getsource(sys.modules[name]))


def _texts(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for before, after in pairwise(body):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            yield before.target.id, " ".join(str(after.value.value).split())


def _without_tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_tuples(item) for key, item in value.items()}
    return [_without_tuples(item) for item in value] if isinstance(value, tuple | list) else value
