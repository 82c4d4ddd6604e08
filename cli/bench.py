"""`zeroreal bench`: figures of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from .console import errors, output

bench_app = typer.Typer(
    help="Measure this machine: generators, kernels, loaders and training.", no_args_is_help=True
)

_Result = Annotated[Path | None, typer.Option(help="Write everything measured to this JSON file.")]


@bench_app.command()
def throughput(
    contenders: Annotated[
        list[str] | None,
        typer.Argument(
            help="ours:ENGINE/PRECISION, diffusers/PRECISION or diffusers:compiled/PRECISION; "
            "after that, for ours, /ATTENTION and /graphs; @8 fixes the batch. The first is what "
            "others are compared to. [default: diffusers and ours in fp32]",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A diffusers folder or hub id. [default: embedded]")
    ] = None,
    random_weights: Annotated[
        str | None, typer.Option(help="In place of a model: an architecture, such as sd15.")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side in pixels of generation. [default: the model's own]")
    ] = None,
    steps: Annotated[int, typer.Option(help="Denoising steps.")] = 12,
    scheduler: Annotated[
        str | None, typer.Option(help="A diffusers scheduler. [default: the model's own]")
    ] = None,
    guidance: Annotated[str, typer.Option(help="on (7.5), off, or recipe.")] = "on",
    recipe: Annotated[str, typer.Option(help="Of the prompts.")] = "base",
    images: Annotated[int, typer.Option(help="Images in each round.")] = 256,
    rounds: Annotated[int, typer.Option(help="Rounds.")] = 5,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    result: _Result = None,
) -> None:
    """Images a second, ours against diffusers: the same images, each at its best batch."""
    from ..benchmarks.generation.throughput import DEFAULT_CONTENDERS, ThroughputSettings
    from ..benchmarks.generation.throughput import throughput as measure

    settings = ThroughputSettings(
        contenders=tuple(contenders or DEFAULT_CONTENDERS),
        model=model,
        random_weights=random_weights,
        image_size=image_size,
        steps=steps,
        scheduler=scheduler,
        guidance=guidance,
        recipe=recipe,
        images=images,
        rounds=rounds,
        device=device,
        result=result,
    )
    measured = measure(settings, _tell)
    _print_throughput(measured)
    _print_doubts(measured["doubts"])
    if measured["rounds_done"] < measured["rounds"]:
        raise KeyboardInterrupt


@bench_app.command()
def kernels(
    names: Annotated[list[str] | None, typer.Argument(help="[default: all]")] = None,
    rounds: Annotated[int, typer.Option(help="Rounds of each.")] = 7,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    result: _Result = None,
) -> None:
    """Each kernel against plain PyTorch, eager and compiled."""
    from ..benchmarks.kernels.bench import KernelSettings, bench_kernels
    from ..benchmarks.kernels.cases import KERNELS

    settings = KernelSettings(tuple(names or KERNELS), device, rounds, result)
    measured = bench_kernels(settings, _tell)
    _print_kernels(measured)
    for row in measured["kernels"]:
        _print_doubts([f"{row['kernel']}: {doubt}" for doubt in row["doubts"]])
    if measured["interrupted"]:
        raise KeyboardInterrupt


@bench_app.command()
def loader(
    cases: Annotated[list[str] | None, typer.Argument(help="[default: all]")] = None,
    images: Annotated[int, typer.Option(help="Images in memory, and in each round.")] = 4096,
    batch_size: Annotated[int, typer.Option(help="Images of a batch.")] = 128,
    rounds: Annotated[int, typer.Option(help="Rounds of each.")] = 7,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    result: _Result = None,
) -> None:
    """The loader alone, against torchvision's transforms in a DataLoader."""
    from ..benchmarks.loading.loader import LoaderSettings, bench_loader
    from ..benchmarks.loading.loader_cases import CASES

    settings = LoaderSettings(tuple(cases or CASES), images, batch_size, device, rounds, result)
    _show_rates(bench_loader(settings, _tell), "Loaders")


@bench_app.command()
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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    result: _Result = None,
) -> None:
    """Training from the pool, against one cached batch and against timm's loop."""
    from ..benchmarks.training.bench import TrainingSettings, bench_training

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
    _show_rates(bench_training(settings, _tell), "Training")


def _tell(line: str) -> None:
    errors.print(line, style="dim", markup=False, highlight=False)


def _print_throughput(measured: dict[str, Any]) -> None:
    side, steps = measured["image_size"], measured["steps"]
    tflop = measured["flop"]["per_image"] / 1e12
    table = Table(
        title=f"{side}x{side} pixels, {steps} steps, {tflop:.3g} TFLOP an image",
        caption=f"ratio: images/s against {measured['baseline']}, median and quartiles of rounds; "
        "ceiling: of multiplying large matrices; GB: at the peak; apart: pixels, mean and most of "
        "255",
        box=box.SIMPLE,
    )
    table.add_column("contender", overflow="fold")
    for column in ("batch", "images/s", "ratio", "ms/step", "TFLOP/s", "ceiling", "GB", "apart"):
        table.add_column(column, justify="right")
    for row in measured["contenders"]:
        if "spread" not in row:
            continue
        table.add_row(
            escape(row["name"]),
            str(row["batch_size"]),
            f"{row['images_per_second']:.3g}",
            _ratio(row["ratio"]),
            "-" if row["step_ms"] is None else f"{row['step_ms']:.3g}",
            f"{row['tflop_per_second']:.3g}",
            f"{100 * row['share_of_ceiling']:.0f} %",
            f"{(row['device_memory_bytes'] or row['peak_memory_bytes']) / 1e9:.2f}",
            f"{row['mean_difference_of_255']:.2g}, {row['max_difference_of_255']}",
        )
    output.print(table)
    _print_failed(measured["contenders"])


def _print_kernels(measured: dict[str, Any]) -> None:
    bandwidth = measured["copy_bytes_per_second"] / 1e9
    table = Table(title=f"Kernels; copying moves {bandwidth:.3g} GB/s", box=box.SIMPLE)
    for column in ("kernel", "by"):
        table.add_column(column)
    for column in ("time", "GB/s", "of copying", "against eager"):
        table.add_column(column, justify="right")
    for kernel in measured["kernels"]:
        title = f"{kernel['kernel']}, {kernel['shape']}, {kernel['bytes'] / 1e6:.3g} MB"
        for row in kernel["contenders"]:
            if "spread" not in row:
                continue
            table.add_row(
                title,
                row["name"],
                f"{1e6 * row['spread']['median']:.4g} us",
                f"{row['bytes_per_second'] / 1e9:.3g}",
                f"{100 * row['share_of_copy']:.0f} %",
                _ratio(row.get("ratio")),
            )
            title = ""
    output.print(table)
    for kernel in measured["kernels"]:
        _print_failed(kernel["contenders"], f"{kernel['kernel']}, ")


def _show_rates(measured: dict[str, Any], title: str) -> None:
    table = Table(title=title, box=box.SIMPLE)
    for column in ("case", "by"):
        table.add_column(column)
    for column in ("images/s", "against the first"):
        table.add_column(column, justify="right")
    for case in measured["cases"]:
        name = case["case"]
        for row in case["contenders"]:
            if "spread" not in row:
                continue
            table.add_row(
                name, row["name"], f"{row['images_per_second']:.4g}", _ratio(row.get("ratio"))
            )
            name = ""
    output.print(table)
    for case in measured["cases"]:
        _print_failed(case["contenders"], f"{case['case']}, ")
        _print_doubts([f"{case['case']}: {doubt}" for doubt in case["doubts"]])
    if measured["interrupted"]:
        raise KeyboardInterrupt


def _ratio(ratio: dict[str, float] | None) -> str:
    """Median and quartiles of the rounds' ratios."""
    if ratio is None:
        return "-"
    return f"{ratio['median']:.2f} ({ratio['quartile_1']:.2f}-{ratio['quartile_3']:.2f})"


def _print_failed(rows: list[dict[str, Any]], of: str = "") -> None:
    for row in rows:
        if row["reason"] is not None:
            told = f"{of}{row['name']} failed: {row['reason']}"
            output.print(told, markup=False, highlight=False, soft_wrap=True)


def _print_doubts(doubts: list[str]) -> None:
    for doubt in doubts:
        output.print(f"not to be trusted: {doubt}", markup=False, highlight=False, soft_wrap=True)
