"""`zeroreal bench loader`, `training` and `sharing`: what comes after generation."""

from __future__ import annotations

from typing import Annotated

import typer

from .show import Device, Result, show_json, show_rates, tell


def loader(
    cases: Annotated[list[str] | None, typer.Argument(help="[default: all]")] = None,
    images: Annotated[int, typer.Option(help="Images in memory, and in each round.")] = 4096,
    batch_size: Annotated[int, typer.Option(help="Images of a batch.")] = 128,
    rounds: Annotated[int, typer.Option(help="Rounds of each.")] = 7,
    device: Device = "auto",
    result: Result = None,
) -> None:
    """The loader alone, against torchvision in a DataLoader."""
    from ...benchmarks.loading.loader import LoaderSettings, bench_loader
    from ...benchmarks.loading.loader_cases import CASES

    settings = LoaderSettings(tuple(cases or CASES), images, batch_size, device, rounds, result)
    show_rates(bench_loader(settings, tell), "Loaders")


def training(
    cases: Annotated[
        list[str] | None,
        typer.Argument(help="cached-32, cached-64, cached-224, timm-64, timm-224."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images of a batch.")] = 64,
    batches: Annotated[int, typer.Option(help="Batches of a round.")] = 16,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile the classifier; not timm's.")
    ] = False,
    rounds: Annotated[int, typer.Option(help="Rounds of each.")] = 7,
    device: Device = "auto",
    result: Result = None,
) -> None:
    """Training from the pool, against a cached batch and timm's loop."""
    from ...benchmarks.training.bench import TrainingSettings, bench_training

    settings = TrainingSettings(
        cases=tuple(cases or ()),
        batch_size=batch_size,
        batches=batches,
        precision=precision,
        compile=compile,
        device=device,
        rounds=rounds,
        result=result,
    )
    show_rates(bench_training(settings, tell), "Training")


def sharing(
    device: Device = "auto",
    classifier: Annotated[str, typer.Option(help="A timm model's name.")] = "resnet18",
    images_per_class: Annotated[int, typer.Option(help="Images of each class.")] = 1000,
    blocks: Annotated[int, typer.Option(help="Blocks in which the images arrive.")] = 8,
    batch_size: Annotated[int, typer.Option(help="Images of a batch of training.")] = 256,
    rounds: Annotated[int, typer.Option(help="Rounds of each.")] = 5,
    result: Result = None,
) -> None:
    """Generating and training on one device, alone and together."""
    from ...benchmarks.training.sharing import SharingSettings, bench_sharing

    settings = SharingSettings(
        device=device,
        classifier=classifier,
        images_per_class=images_per_class,
        blocks=blocks,
        batch_size=batch_size,
        rounds=rounds,
        result=result,
    )
    show_json(bench_sharing(settings, tell))
