"""Distil the embedded pipeline to few steps; write the UNet beside the model's own.

    python tools/distil_tiny_pipeline.py --out build/few_step_unet

No image is needed: the student learns from the model's own trajectories. Interrupted, the same
command goes on.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.progress import Progress, TaskID, TextColumn
from tiny_fashion.few_steps import write_recipe

from zeroreal.base.progress import StageProgress
from zeroreal.train.distilling.distil import distil
from zeroreal.train.distilling.settings import DistilSettings

SETTINGS = DistilSettings(
    images_per_class=1600,
    seed=1000,  # plans of the seeds that users and benchmarks take have other noise
    updates=2200,
    engine="torch",
    precision="bf16",
    batch_size=128,
)


def main() -> None:
    """Distil, showing how far it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/few_step_unet"))
    parser.add_argument("--trajectories", type=int, default=SETTINGS.images_per_class)
    parser.add_argument("--updates", type=int, default=SETTINGS.updates)
    arguments = parser.parse_args()
    recipe = write_recipe(arguments.out.with_name(f"{arguments.out.name}-recipe"))
    settings = replace(
        SETTINGS,
        recipe=str(recipe),
        images_per_class=arguments.trajectories,
        updates=arguments.updates,
    )
    with Progress(*Progress.get_default_columns(), TextColumn("{task.fields[note]}")) as bars:
        tasks: dict[str, TaskID] = {}

        def show(news: StageProgress) -> None:
            if news.stage not in tasks:
                tasks[news.stage] = bars.add_task(news.stage, total=news.total, note="")
            bars.update(tasks[news.stage], completed=news.done, note=news.note)

        distil(settings, arguments.out, show)


if __name__ == "__main__":
    main()
