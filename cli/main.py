"""The command's entry: sub-commands, and one sentence in place of a traceback for bad input."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from importlib import metadata
from typing import Annotated, Any

import typer
from rich.logging import RichHandler
from typer.core import TyperGroup

from .audit import audit
from .bench import bench_app
from .build import build
from .cache import cache_app
from .calibrate import calibrate
from .console import errors
from .dataset import regenerate, status, verify
from .deploy import deploy
from .distil import distil
from .doctor import doctor
from .evaluate import evaluate
from .export import export
from .generate import generate
from .predict import predict
from .probe import probe
from .prompts import prompts
from .recipes import recipes
from .reproduce import reproduce
from .run import run
from .serve import serve
from .tune import tune
from .worth import worth
from .zeroshot import zeroshot


class _Told(TyperGroup):
    """Says that a command was interrupted: typer ends it with status 130 and not a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            errors.print("interrupted", style="yellow")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Told,
    help="Image classifiers from class names alone: generated images in, a tested classifier out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
_MACHINE = "The model and the machine"
_PANELS = {
    "From class names to a classifier": (run, audit, zeroshot, prompts, recipes, predict, evaluate),
    "How far to trust it": (calibrate, probe, worth, reproduce),
    "In other hands": (deploy, serve),
    "Datasets": (generate, status, verify, regenerate),
    _MACHINE: (doctor, tune, export, build, distil),
}
for panel, commands in _PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(bench_app, name="bench", rich_help_panel=_MACHINE)
app.add_typer(cache_app, name="cache", rich_help_panel=_MACHINE)


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
    # How often PyTorch's threads look before they sleep: by default so long that beside another
    # busy process they keep each other from working. It is read when PyTorch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    handler = RichHandler(console=errors, show_time=False, show_path=False)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], format="%(message)s")
    # A polite kill, or a terminal that closes, ends as Ctrl-C does, with what is finished saved.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as by nohup
            signal.signal(number, signal.default_int_handler)
    try:
        app()
    except (ValueError, OSError) as error:
        errors.print(_sentence(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    finally:
        gc.freeze()  # all ends at once: the interpreter need not look for what is garbage


def _sentence(error: ValueError | OSError) -> str:
    """What to tell the user; an error that is not theirs to mend is raised again."""
    # Not above: it brings PyTorch, which --help can spare.
    from ..base.errors import InputError, system_sentence

    if isinstance(error, InputError):
        return f"error: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"error: {system_sentence(error)}"
    raise error
