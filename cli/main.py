"""The command's entry: sub-commands, and one sentence instead of a traceback for what users give."""

from __future__ import annotations

import logging
import signal
import sys
from importlib import metadata
from typing import Annotated

import typer
from rich.logging import RichHandler

from ..engine.errors import InputError
from .console import errors
from .doctor import doctor
from .evaluate import evaluate
from .predict import predict
from .recipes import recipes
from .run import run

app = typer.Typer(
    help="Image classifiers from class names alone: generated images in, a tested classifier out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for command in (run, evaluate, predict, recipes, doctor):
    app.command()(command)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"zeroreal {metadata.version('zeroreal')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; exit 2 for input that cannot be used, 130 when interrupted."""
    handler = RichHandler(console=errors, show_time=False, show_path=False)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], format="%(message)s")
    # A polite kill ends as Ctrl-C does, with what is finished saved.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except InputError as error:
        errors.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except OSError as error:
        place = f" {error.filename!r}" if error.filename else ""
        sentence = f"error: the system refused a file{place}: {error.strerror or error}"
        errors.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        errors.print("interrupted", style="yellow")
        sys.exit(130)
