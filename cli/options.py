"""The command's options, made from settings: name, help, default and reader from each field."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container
from dataclasses import MISSING
from typing import Annotated, Any, get_args, get_origin

import typer

from ..base.settings import Value, values_of

_CONTEXT = "context"


def with_options(
    kind: type, leave_out: Container[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each value of the settings class `kind`.

    What was given on the command line reaches the function as its first argument, nested as `build`
    takes it; what was not is not in it. `leave_out` names fields without an option.
    """
    values = {
        "_".join(value.path): value for value in values_of(kind) if value.path[-1] not in leave_out
    }

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        _, *own = inspect.signature(command, eval_str=True).parameters.values()

        def run(**arguments: Any) -> None:
            context: typer.Context = arguments.pop(_CONTEXT)
            given: dict[str, Any] = {}
            for name, value in values.items():
                argument = arguments.pop(name)
                source = context.get_parameter_source(name)
                # By its name: newer versions of typer bring click's enumeration with them.
                if source is not None and source.name == "COMMANDLINE":
                    _put(given, value, argument)
            command(given, **arguments)

        options = [_parameter(name, value) for name, value in values.items()]
        context = inspect.Parameter(
            _CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
        )
        by_keyword = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
        parameters = [context, *by_keyword, *options]
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate


def _put(given: dict[str, Any], value: Value, argument: Any) -> None:
    """Put what was given into its place."""
    *sections, last = value.path
    for name in sections:
        given = given.setdefault(name, {})
    read = value.option.read
    if read is not None:
        argument = read(argument)
    given[last] = tuple(argument) if isinstance(argument, list) else argument


def _parameter(name: str, value: Value) -> inspect.Parameter:
    how = value.option
    flags = [value.flag, *([how.short] if how.short else [])]
    kind: Any = str if how.read is not None else _without_none(value.type)
    if get_origin(kind) is tuple:
        kind = list[str]  # given once for each
    if kind is bool:
        flags = [f"{value.flag}/--no-{value.flag.removeprefix('--')}"]
    default = value.default
    if default is MISSING:
        default = ...
    elif how.read is not None or default == ():
        default = _as_given(default)
    if how.is_argument:
        return _argument(name, value)
    annotation = Annotated[  # type: ignore[valid-type]
        kind if default is not None else kind | None,
        typer.Option(
            *flags,
            help=value.help,
            rich_help_panel=value.panel,
            show_default=how.shown if how.shown is not None else True,
        ),
    ]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _argument(name: str, value: Value) -> inspect.Parameter:
    """Texts by their place on the command line: all that are given, or one."""
    kind: Any = list[str] if get_origin(value.type) is tuple else str
    shown = value.option.shown
    default = ... if value.default is MISSING else None
    annotation = Annotated[  # type: ignore[valid-type]
        kind if default is ... else kind | None,
        typer.Argument(help=f"{value.help} [default: {shown}]" if shown else value.help),
    ]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _as_given(default: Any) -> str | None:
    """A default as one would give it, where that is known: `32,64`, which nothing reads again."""
    return ",".join(map(str, default)) if isinstance(default, tuple) and default else None


def _without_none(kind: Any) -> Any:
    if get_origin(kind) is tuple:
        return kind
    kinds = [one for one in get_args(kind) if one is not type(None)]
    return kinds[0] if kinds else kind
