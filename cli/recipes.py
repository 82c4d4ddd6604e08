"""`zeroreal recipes`: what ships, and the text of one to copy and edit."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from .console import output, print_plain


def recipes(
    name: Annotated[str | None, typer.Argument(help="A shipped recipe, to print its file.")] = None,
) -> None:
    """List the recipes, or print one: `zeroreal recipes multi-domain > mine.yaml`."""
    from ..generate import load_recipe, recipe_text, shipped_recipes

    if name is not None:
        print_plain(recipe_text(name))
        return
    table = Table()
    table.add_column("recipe")
    table.add_column("what it does")
    for shipped in shipped_recipes():
        table.add_row(shipped, load_recipe(shipped).description)
    output.print(table)
