"""`zeroreal prompts`: what would be generated, and how many of each."""

from __future__ import annotations

import csv
import io
import json
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ..base.printable import text_cell
from ..run.weighted_prompts.settings import WeightedPromptsSettings
from .console import errors, output, print_plain
from .options import with_options

if TYPE_CHECKING:
    from ..generate import Recipe, SamplePlan

_COLUMNS = ("class", "prompt", "negative_prompt", "guidance", "language", "images")


class Format(StrEnum):
    """How the prompts are printed."""

    text = "text"
    csv = "csv"
    json = "json"


@with_options(WeightedPromptsSettings)
def prompts(
    given: dict[str, Any],
    negative_prompt: Annotated[
        str | None,
        typer.Option(
            help="What guidance leads away from, in place of what the recipe says.",
            show_default="the recipe's",
        ),
    ] = None,
    how: Annotated[
        Format, typer.Option("--format", help="A table, or plain for other programs.")
    ] = Format.text,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the recipe with the weights of --prompt-weights to a YAML file."),
    ] = None,
) -> None:
    """Print the prompts that `zeroreal run` would generate images from, and how many of each."""
    from ..base.settings import build
    from ..generate import SamplePlan, load_recipe, parse_classes
    from ..generate.plan.samples import is_counted

    settings = build(WeightedPromptsSettings, given)
    if settings.prompt_weights is None and out is None:
        recipe = load_recipe(settings.recipe, settings.guidance)
    else:
        recipe = _weighted(settings, out)
    classes = parse_classes(settings.classes)
    plan = SamplePlan(recipe, classes, settings.images_per_class, settings.seed)
    rows = _rows(plan, negative_prompt)
    if how is Format.json:
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        print_plain(f"[\n{lines}\n]\n")
    elif how is Format.csv:
        print_plain(_as_csv(rows))
    else:
        output.print(_as_table(rows, "" if is_counted(plan) else "about "))
    if how is not Format.text and not is_counted(plan):
        errors.print("The numbers of images are about right: there are too many to count.")


def _weighted(settings: WeightedPromptsSettings, out: Path | None) -> Recipe:
    """The recipe with weights by images, which is written to `out`."""
    from ..base import InputError
    from ..run.audit.recipe_file import write_leaf
    from ..run.weighted_prompts.weighted import weighted_recipe
    from ..run.zeroshot.result import check_out

    if out is not None:
        if settings.prompt_weights is None:
            raise InputError("--out writes weights, and none were asked for: add --prompt-weights")
        check_out(out)
    recipe = weighted_recipe(settings)
    if out is not None:
        write_leaf(out, recipe)
    return recipe


def _rows(plan: SamplePlan, negative_prompt: str | None) -> list[dict[str, Any]]:
    """What is printed of each prompt, by the names in `_COLUMNS`."""
    from ..generate import prompt_counts

    rows = []
    for one, images in prompt_counts(plan).items():
        away = one.text.negative_prompt if negative_prompt is None else negative_prompt
        guidance: Any = one.guidance  # a number, or a range
        highest = guidance
        if not isinstance(guidance, float):
            highest, guidance = guidance.uniform[1], guidance.model_dump(mode="json")
        values = (
            plan.classes[one.label].name,
            one.text.prompt,
            away if highest > 1 else "",
            guidance,
            one.text.language,
            images,
        )
        rows.append(dict(zip(_COLUMNS, values, strict=True)))
    return rows


def _as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        cells = {**row, "guidance": _guidance(row["guidance"])}
        writer.writerow({name: text_cell(value) for name, value in cells.items()})
    return text.getvalue()


def _as_table(rows: list[dict[str, Any]], about: str) -> Table:
    """A table with totals; columns in which nothing stands are left out."""
    shown = [name for name in _COLUMNS if name == "images" or any(row[name] for row in rows)]
    table = Table()
    for name in shown:
        is_number = name in ("guidance", "images")
        table.add_column(
            name.replace("_", " "), justify="right" if is_number else "left", overflow="fold"
        )
    total = 0
    for name, own in groupby(rows, key=lambda row: row["class"]):
        of_class = list(own)
        for row in of_class:
            cells = {**row, "guidance": _guidance(row["guidance"]), "images": f"{row['images']:,}"}
            # Names and prompts are the user's, and may hold what looks like markup.
            table.add_row(*(escape(str(cells[name])) for name in shown))
        images = sum(row["images"] for row in of_class)
        total += images
        if len(of_class) > 1:
            said = f"{len(of_class):,} prompts"
            table.add_row(*_total(shown, escape(name), said, f"{about}{images:,}"), style="bold")
        table.add_section()
    table.add_row(
        *_total(shown, "all", f"{len(rows):,} prompts", f"{about}{total:,}"), style="bold"
    )
    return table


def _total(shown: list[str], name: str, said: str, images: str) -> list[str]:
    cells = {"class": name, "prompt": said, "images": images}
    return [cells.get(column, "") for column in shown]


def _guidance(guidance: float | dict[str, Any]) -> str:
    if not isinstance(guidance, dict):
        return f"{guidance:g}"
    low, high = guidance["uniform"]
    return f"{low:g} to {high:g}{', whole' if guidance['integers'] else ''}"
