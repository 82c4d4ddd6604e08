"""`zeroreal bench recipes`, `levers` and `tricks`: accuracy of what is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from ..console import output, percent
from ..progress import StageBars
from .show import Device, Result, tell

_Seeds = Annotated[str, typer.Option(help="Comma-separated; each is a training of its own.")]
_Real = Annotated[Path, typer.Option(help="The folder of Fashion-MNIST's IDX files.")]
_SEEDS = "0,1,2"


def recipes(
    recipes: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated. [default: base, class-prompt, multi-domain, random-guidance, "
            "merged]"
        ),
    ] = None,
    seeds: _Seeds = _SEEDS,
    images_per_class: Annotated[int, typer.Option(help="Images of each class.")] = 400,
    classifier: Annotated[str, typer.Option(help="A timm model's name.")] = "test_resnet",
    epochs: Annotated[
        int | None, typer.Option(help="How often each image is used. [default: as in a run]")
    ] = None,
    device: Device = "auto",
    real: Annotated[
        Path | None,
        typer.Option(
            help="The folder of Fashion-MNIST's IDX files. [default: no real images to compare to]"
        ),
    ] = None,
    work: Annotated[Path, typer.Option(help="Where the runs are kept.")] = Path("build/accuracy"),
    result: Result = None,
) -> None:
    """Accuracy of each recipe, beside as many real images."""
    from ...benchmarks.accuracy.recipes import RECIPES, RecipesSettings, bench_recipes
    from ...run import RunInterruptedError

    settings = RecipesSettings(
        recipes=_names(recipes, RECIPES),
        seeds=_numbers(seeds),
        images_per_class=images_per_class,
        classifier=classifier,
        epochs=epochs,
        device=device,
        real=real,
        work=work,
        result=result,
    )
    try:
        with StageBars() as bars:
            measured = bench_recipes(settings, tell, bars.show)
    except RunInterruptedError:
        raise KeyboardInterrupt from None  # the run goes on when the command is given again
    _show("Recipes", measured["results"])


def levers(
    real: _Real,
    phases: Annotated[
        str | None,
        typer.Option(help="Comma-separated: some of speed, images, time, curve. [default: all]"),
    ] = None,
    settings: Annotated[
        str | None, typer.Option(help="Comma-separated names of settings. [default: all]")
    ] = None,
    seeds: _Seeds = _SEEDS,
    rounds: Annotated[int, typer.Option(help="Rounds of measuring speed.")] = 5,
    device: Device = "auto",
    work: Annotated[Path, typer.Option(help="Where what is measured is kept.")] = Path(
        "build/levers"
    ),
    result: Result = None,
    table: Annotated[
        Path | None, typer.Option(help="Write the table that time budgets go by.")
    ] = None,
) -> None:
    """What each lever does to speed and to accuracy."""
    from ...benchmarks.accuracy.lever_settings import LEVERS
    from ...benchmarks.accuracy.levers import PHASES, LeversSettings, bench_levers

    chosen = LeversSettings(
        real=real,
        phases=_names(phases, PHASES),
        settings=_names(settings, LEVERS),
        seeds=_numbers(seeds),
        rounds=rounds,
        device=device,
        work=work,
        result=result,
        table=table,
    )
    measured = bench_levers(chosen, tell)
    rows = {
        f"{name}, {images} images": both["test"]
        for name, row in measured["settings"].items()
        for images, both in row["images"].items()
    }
    _show("Levers", rows)


def tricks(
    real: _Real,
    tricks: Annotated[
        str | None, typer.Option(help="Comma-separated names of tricks. [default: all]")
    ] = None,
    seeds: _Seeds = _SEEDS,
    device: Device = "auto",
    images: Annotated[Path, typer.Option(help="Where images are kept.")] = Path("build/levers"),
    work: Annotated[Path, typer.Option(help="Where accuracies are kept.")] = Path("build/tricks"),
    result: Result = None,
) -> None:
    """What tricks against the gap to real images do to accuracy."""
    from ...benchmarks.accuracy.tricks import TRICKS, TricksSettings, bench_tricks

    settings = TricksSettings(
        real=real,
        tricks=_names(tricks, TRICKS),
        seeds=_numbers(seeds),
        device=device,
        images=images,
        work=work,
        result=result,
    )
    measured = bench_tricks(settings, tell)
    _show("Tricks", {name: row["test"] for name, row in measured["tricks"].items()})


def _names(text: str | None, known: Mapping[str, Any] | tuple[str, ...]) -> tuple[str, ...]:
    """The names in `text`, all that are known by default."""
    if text is None:
        return tuple(known)
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[int, ...]:
    for part in text.split(","):
        if not part.strip().isdecimal():
            raise typer.BadParameter(f"{part!r} is not a seed: give numbers such as {_SEEDS}")
    return tuple(int(part) for part in text.split(","))


def _show(title: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    table = Table(title=f"{title}: accuracy on real test images", box=box.SIMPLE)
    table.add_column("with")
    for column in ("mean", "deviation", "seeds"):
        table.add_column(column, justify="right")
    for name, row in rows.items():
        figures = (percent(row["mean_accuracy"]), percent(row["deviation"]))
        table.add_row(escape(name), *figures, str(len(row["by_seed"])))
    output.print(table)
