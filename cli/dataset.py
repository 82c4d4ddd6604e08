"""`zeroreal verify`, `status` and `regenerate`: what became of a dataset."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live
from rich.table import Table

from .console import output
from .progress import StageBars

if TYPE_CHECKING:
    from ..generate.dataset.checking.regenerate import Comparison
    from ..generate.dataset.checking.verify import Verification
    from ..generate.dataset.status import DatasetStatus

_MOST_FAULTS = 20
Place = Annotated[str, typer.Argument(help="The dataset's folder or URL.")]


def verify(
    dataset: Place,
    fix: Annotated[
        bool, typer.Option("--fix", help="Remove what is damaged, and make it again.")
    ] = False,
) -> None:
    """Check every digest, count and label of a dataset; status 1 where something is wrong."""
    from ..base.progress import StageProgress
    from ..generate.dataset.checking.verify import verify_dataset
    from ..generate.dataset.store.places import open_store

    store = open_store(dataset)
    with StageBars() as bars:

        def show(done: int, total: int) -> None:
            bars.show(StageProgress("verify", done, total))

        found = verify_dataset(store, show)
        if fix and not found.is_sound:
            from ..generate.dataset.checking.fixing import fix_dataset  # brings PyTorch

            bars.stop()
            _print_verification(found, fix)
            fix_dataset(store, found, bars.show)
            found = verify_dataset(store, show)
    _print_verification(found, fix)
    if not found.is_sound:
        raise typer.Exit(1)


def regenerate(
    dataset: Place,
    index: Annotated[int, typer.Option(help="The image's index.")],
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda or cuda:N.", show_default="that of the dataset"),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Write both images side by side to this PNG file.")
    ] = None,
) -> None:
    """Make one image of a dataset again and compare; status 1 where it is another image."""
    from ..generate.dataset.checking.regenerate import regenerate as make_again
    from ..generate.dataset.store.places import open_store

    with StageBars() as bars:
        comparison = make_again(open_store(dataset), index, device, on_progress=bars.show)
    _print_comparison(comparison)
    if out is not None:
        comparison.write(out)
    if not comparison.is_the_same:
        raise typer.Exit(1)


def status(
    dataset: Place,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it anew every few seconds, until it is complete.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Between two looks of --watch.")] = 5.0,
) -> None:
    """Say what of a dataset is done, by whom, how fast, and when it ends."""
    from ..generate.dataset.status import dataset_status
    from ..generate.dataset.store.places import open_store

    store = open_store(dataset)
    found = dataset_status(store)
    if not watch:
        output.print(_status_table(found))
        return
    with Live(_status_table(found), console=output, auto_refresh=False) as live:
        while found.images < found.total:
            time.sleep(seconds)
            found = dataset_status(store)
            live.update(_status_table(found), refresh=True)


def _print_verification(found: Verification, fix: bool) -> None:
    output.print(
        f"{found.url}: {found.images} of {found.total} images in {found.shards} whole shards",
        markup=False,
        soft_wrap=True,
    )
    for fault in found.faults[:_MOST_FAULTS]:
        output.print(f"{fault.kind}: {fault.name}: {fault.reason}", markup=False, soft_wrap=True)
    if len(found.faults) > _MOST_FAULTS:
        output.print(f"and {len(found.faults) - _MOST_FAULTS} more")
    if found.is_sound:
        output.print("Every image is there, once, as it was written.")
    elif not fix:
        output.print("`zeroreal verify --fix` removes what is damaged and makes it again.")


def _print_comparison(comparison: Comparison) -> None:
    row = comparison.row
    output.print(
        f"Image {comparison.index} of shard {comparison.shard}: class {row['class']!r}, prompt "
        f"{row['prompt']!r}, guidance {row['guidance']:g}, seed {row['seed']}",
        markup=False,
        soft_wrap=True,
    )
    output.print(comparison.verdict, markup=False, soft_wrap=True)


def _status_table(status: DatasetStatus) -> Table:
    share = status.images / status.total
    table = Table(
        title=f"{status.images} of {status.total} images ({share:.1%}), "
        f"{status.shards} of {status.all_shards} shards",
        caption=_end_of(status),
    )
    for column in ("worker", "device", "shard", "shards made", "images", "images/s", ""):
        table.add_column(column)
    for note in status.workers:
        state = "works" if note.is_alive(status.at) else "has ended" if note.ended else "is gone"
        table.add_row(
            f"{note.host}, {note.pid}",
            note.device,
            "" if note.shard is None else str(note.shard),
            str(note.shards),
            str(note.images),
            f"{note.images_per_second:.1f}",
            state,
        )
    return table


def _end_of(status: DatasetStatus) -> str:
    if status.images == status.total:
        return "complete"
    if status.seconds_left is None:
        return "nobody works on it" if not status.alive else "no speed is known yet"
    end = datetime.now() + timedelta(seconds=status.seconds_left)
    return (
        f"{status.images_per_second:.1f} images/s, {timedelta(seconds=int(status.seconds_left))} "
        f"left, till {end:%A %H:%M}"
    )
