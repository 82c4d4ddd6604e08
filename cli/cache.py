"""`zeroreal cache`: what is kept of built engines and exported models."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from .console import output

if TYPE_CHECKING:
    from ..engine.cache_entry import Entry

cache_app = typer.Typer(
    help="Look into, check and empty the cache of built engines and exported models.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        exists=True,
        file_okay=False,
        help="The cache's folder. [default: $ZEROREAL_CACHE or ~/.cache/zeroreal]",
    ),
]


@cache_app.command("list")
def list_entries(cache: Folder = None) -> None:
    """List the entries, what made them, for which device, and when they last served."""
    from ..engine.cache import Cache

    chosen = Cache(cache)
    entries = chosen.entries()
    _show(entries)
    output.print(f"{_total(entries)} in {chosen.root}", markup=False, soft_wrap=True)


@cache_app.command()
def verify(cache: Folder = None) -> None:
    """Check every byte of every entry; exit with status 1 if one is damaged."""
    from ..engine.cache import Cache

    chosen = Cache(cache)
    entries = chosen.verify()
    damaged = [entry for entry in entries if entry.problem is not None]
    _show(damaged)
    output.print(
        f"{_total(entries)} in {chosen.root}: {len(damaged)} damaged", markup=False, soft_wrap=True
    )
    if damaged:
        raise typer.Exit(1)


@cache_app.command()
def prune(
    cache: Folder = None,
    older_than: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS", min=0, max=36500, help="Remove what did not serve for so long, too."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove every entry.")] = False,
) -> None:
    """Remove damaged entries and what killed builds left; with an option, good entries too."""
    from ..engine.cache import Cache

    chosen = Cache(cache)
    unused_for = None if older_than is None else timedelta(days=older_than)
    removed = chosen.prune(unused_for, everything)
    _show(removed)
    output.print(f"Freed {_total(removed)} in {chosen.root}", markup=False, soft_wrap=True)


@cache_app.command()
def trust(
    folder: Annotated[
        Path,
        typer.Argument(file_okay=False, help="A cache's folder or a copy."),
    ],
    cache: Folder = None,
) -> None:
    """Take over the entries of a cache that another user or machine wrote; exit with status 1 if
    one is damaged.

    Engines are programs: only from whom you would run a program, too.
    """
    from ..engine.cache import Cache

    chosen = Cache(cache)
    taken = chosen.trust(folder)
    _show(taken)
    good = [entry for entry in taken if entry.problem is None]
    output.print(f"Trusted {_total(good)} in {chosen.root}", markup=False, soft_wrap=True)
    if len(good) < len(taken):
        raise typer.Exit(1)


def _total(entries: list[Entry]) -> str:
    count = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
    return f"{count}, {decimal(sum(entry.bytes for entry in entries))},"


def _show(entries: list[Entry]) -> None:
    if not entries:
        return
    table = Table()
    for column in ("entry", "name", "library", "device", "size", "last used", "state"):
        table.add_column(column)
    for entry in entries:
        key = entry.key
        made = (key.name, key.library, key.device) if key else ("-", "-", "-")
        used = f"{entry.used.astimezone():%Y-%m-%d %H:%M}" if entry.used else "-"
        place = f"{entry.path.parent.name}/{entry.path.name[:8]}"
        state = "good" if entry.problem is None else entry.problem
        table.add_row(place, *map(escape, made), decimal(entry.bytes), used, escape(state))
    output.print(table)
