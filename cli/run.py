"""`zeroreal run`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from .console import accuracy_table, errors, output
from .progress import StageBars

_TRAINING = "Training"
_POOL = "Pool and sharing"
_GAP = "Between synthetic and real images"


def run(
    classes: Annotated[
        str | None,
        typer.Option(help="Class names, comma-separated, or a text file with one a line."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A shipped recipe or a YAML file. [default: random-guidance]")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A diffusers folder or hub id. [default: embedded]")
    ] = None,
    images_per_class: Annotated[
        int | None, typer.Option("--images-per-class", "-n", help="[default: 400]")
    ] = None,
    classifier: Annotated[
        str | None, typer.Option(help="A timm model's name. [default: test_resnet]")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Real test images: a folder with a sub-folder a class, a Parquet file, "
            "WebDataset shards, or 'fashion-mnist'. [default: the shipped ones for the embedded "
            "classes]"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's new folder. [default: runs/<time>-<recipe>]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Decides every image. [default: 0]")] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="auto, torch, torch:compiled, onnxruntime (:cpu, :cuda, :tensorrt) or tensorrt. "
            "[default: auto]"
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or cuda:N. [default: auto]")
    ] = None,
    devices: Annotated[
        str | None, typer.Option(help="Generate with one process on each, such as 0,1.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="Of the generator: auto, fp32, bf16 or fp16. [default: auto]")
    ] = None,
    attention: Annotated[
        str | None,
        typer.Option(help="Of engine torch: auto, xformers, cudnn, flash, sdpa or math."),
    ] = None,
    cuda_graphs: Annotated[
        bool | None,
        typer.Option("--cuda-graphs", help="Replay the work on a GPU as one graph per shape."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A diffusers scheduler. [default: the model's]")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps. [default: 12]")] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side in pixels for training. [default: the model's]")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images denoised together. [default: as tuned]")
    ] = None,
    vae_batch_size: Annotated[
        int | None, typer.Option(help="Images decoded together. [default: as tuned]")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="What generation may take, such as 16GiB. [default: most]")
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option(help="auto measures for some seconds what is left open; off does not."),
    ] = None,
    guidance_interval: Annotated[
        str | None, typer.Option(help="Noise levels at which guidance acts, such as 0.3:5.")
    ] = None,
    deep_cache: Annotated[
        int | None, typer.Option(help="Run the whole UNet every so many steps only.")
    ] = None,
    vae: Annotated[
        str | None,
        typer.Option(help="'tiny', for the embedded model, or a folder of an AutoencoderTiny."),
    ] = None,
    generate_size: Annotated[
        int | None, typer.Option(help="Side in pixels of generation. [default: the model's]")
    ] = None,
    time_budget: Annotated[
        str | None,
        typer.Option(
            help="Choose levers and number of images for the most accuracy in a time such as 10m."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="A published recipe: fast, method or timm.", rich_help_panel=_TRAINING),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="How often each image is used. [default: 16]", rich_help_panel=_TRAINING),
    ] = None,
    train_batch_size: Annotated[
        int | None, typer.Option(help="[default: 64]", rich_help_panel=_TRAINING)
    ] = None,
    accumulate: Annotated[
        int | None,
        typer.Option(help="Batches for one update. [default: 1]", rich_help_panel=_TRAINING),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help="adamw, sgd or lamb. [default: adamw]", rich_help_panel=_TRAINING),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Peak learning rate. [default: 0.004]", rich_help_panel=_TRAINING),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="How the rate falls: cosine or linear. [default: cosine]",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="[default: 0.05]", rich_help_panel=_TRAINING)
    ] = None,
    clip_grad: Annotated[
        float | None,
        typer.Option(help="Largest norm of the gradients.", rich_help_panel=_TRAINING),
    ] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="[default: 0.1]", rich_help_panel=_TRAINING)
    ] = None,
    augmentation: Annotated[
        str | None,
        typer.Option(help="none, default or strong. [default: default]", rich_help_panel=_TRAINING),
    ] = None,
    mixup: Annotated[
        float | None, typer.Option(help="Alpha of mixup.", rich_help_panel=_TRAINING)
    ] = None,
    cutmix: Annotated[
        float | None, typer.Option(help="Alpha of CutMix.", rich_help_panel=_TRAINING)
    ] = None,
    ema_decay: Annotated[
        float | None,
        typer.Option(
            help="Of the average of the weights; 0: none. [default: 0.99]",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    balanced: Annotated[
        bool | None,
        typer.Option("--balanced", help="Draw all classes alike.", rich_help_panel=_TRAINING),
    ] = None,
    amp: Annotated[
        str | None,
        typer.Option(help="auto, fp32, bf16 or fp16. [default: auto]", rich_help_panel=_TRAINING),
    ] = None,
    compile_classifier: Annotated[
        bool | None,
        typer.Option("--compile", help="Compile the classifier.", rich_help_panel=_TRAINING),
    ] = None,
    checkpoint_seconds: Annotated[
        float | None,
        typer.Option(help="Between checkpoints. [default: 60]", rich_help_panel=_TRAINING),
    ] = None,
    blocks: Annotated[
        int | None,
        typer.Option(
            help="Images arrive in so many; training begins after the first. [default: 8]",
            rich_help_panel=_POOL,
        ),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(
            help="Memory for images, such as 8GiB. [default: auto]", rich_help_panel=_POOL
        ),
    ] = None,
    spill: Annotated[
        str | None,
        typer.Option(
            help="Host memory for images beyond that, such as 16GiB. [default: none]",
            rich_help_panel=_POOL,
        ),
    ] = None,
    pool_policy: Annotated[
        str | None,
        typer.Option(
            help="When it is full: keep, or replace the oldest or most-replayed. [default: oldest]",
            rich_help_panel=_POOL,
        ),
    ] = None,
    max_replay: Annotated[
        float | None,
        typer.Option(help="Most samples trained on for each image.", rich_help_panel=_POOL),
    ] = None,
    sharing: Annotated[
        str | None,
        typer.Option(
            help="Generate and train in turn or at once: auto, alternate, overlap or partition.",
            rich_help_panel=_POOL,
        ),
    ] = None,
    degrade_to: Annotated[
        int | None,
        typer.Option(help="Shrink to this side and enlarge again.", rich_help_panel=_GAP),
    ] = None,
    blur: Annotated[
        float | None, typer.Option(help="Largest blur, in pixels.", rich_help_panel=_GAP)
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(help="Largest noise, as a share of the range.", rich_help_panel=_GAP),
    ] = None,
    jpeg: Annotated[
        int | None, typer.Option(help="Lowest JPEG quality.", rich_help_panel=_GAP)
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="A CLIP model that softens the labels.", rich_help_panel=_GAP),
    ] = None,
    teacher_weight: Annotated[
        float | None,
        typer.Option(help="Its share of the targets. [default: 0.5]", rich_help_panel=_GAP),
    ] = None,
    batch_norm_data: Annotated[
        str | None,
        typer.Option(
            help="Unlabelled real images to re-estimate BatchNorm on: no longer zero-shot.",
            rich_help_panel=_GAP,
        ),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the interrupted run in this folder.")
    ] = None,
) -> None:
    """Generate images of the classes, train a classifier on them, and test it on real images.

    With no option: the embedded model's ten garments, tested on real Fashion-MNIST photographs.
    """
    from ..base.ranks import Ranks
    from ..run import RunInterruptedError, RunSettings
    from ..run import resume as resume_run
    from ..run import run as start_run
    from ..train import train_settings

    training = _given(
        epochs=epochs,
        batch_size=train_batch_size,
        accumulate=accumulate,
        optimizer=optimizer,
        learning_rate=learning_rate,
        schedule=schedule,
        weight_decay=weight_decay,
        clip_grad=clip_grad,
        label_smoothing=label_smoothing,
        mixup=mixup,
        cutmix=cutmix,
        ema_decay=ema_decay,
        balanced=balanced,
        max_replay=max_replay,
        compile=compile_classifier,
    )
    degrade = _given(resolution=degrade_to, blur=blur, noise=noise, jpeg=jpeg)
    chosen = _given(
        recipe=recipe,
        model=model,
        images_per_class=images_per_class,
        classifier=classifier,
        data=data,
        seed=seed,
        engine=engine,
        device=device,
        precision=precision,
        attention=attention,
        cuda_graphs=cuda_graphs,
        scheduler=scheduler,
        steps=steps,
        image_size=image_size,
        batch_size=batch_size,
        vae_batch_size=vae_batch_size,
        tune=tune,
        deep_cache=deep_cache,
        vae=vae,
        generate_size=generate_size,
        amp=amp,
        checkpoint_seconds=checkpoint_seconds,
        blocks=blocks,
        pool_policy=pool_policy,
        sharing=sharing,
        teacher=teacher,
        teacher_weight=teacher_weight,
        batch_norm_data=batch_norm_data,
    )
    for name, size in (("memory", memory), ("pool", pool), ("spill", spill)):
        if size is not None and (name == "spill" or size.lower() != "auto"):
            from ..base.sizes import parse_size

            chosen[name] = parse_size(size)
    if guidance_interval is not None:
        from ..generate import parse_interval

        chosen["guidance_interval"] = parse_interval(guidance_interval)
    if devices is not None:
        from ..generate import parse_devices

        chosen["devices"] = parse_devices(devices)
    if time_budget is not None:
        from ..base.durations import parse_duration

        chosen["time_budget"] = parse_duration(time_budget)
    if classes is not None:
        from ..generate import class_entries

        chosen["classes"] = class_entries(classes)
    others = (preset, augmentation, out)
    is_described = chosen or training or degrade or any(option is not None for option in others)
    if resume is not None and is_described:
        raise typer.BadParameter("--resume takes its settings from the run: give it alone")
    with StageBars() as bars:
        try:
            if resume is not None:
                result = resume_run(resume, bars.show)
            else:
                train = train_settings(preset, degrade, augmentation, **training)
                settings = RunSettings(**chosen, train=train)
                result = start_run(settings, out, bars.show, keep=chosen)
        except RunInterruptedError as interruption:
            bars.stop()
            errors.print(
                f"{interruption}; continue with: zeroreal run --resume {interruption.folder}",
                markup=False,
                soft_wrap=True,
            )
            raise typer.Exit(130) from None
    if Ranks.current().is_first:
        _print_result(result.folder, result.summary)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _print_result(folder: Path, summary: dict[str, Any]) -> None:
    if summary["test"] is not None:
        output.print(accuracy_table(summary["test"]))
    else:
        output.print("No test data: give real images with --data to measure the accuracy.")
    if (budget := summary["time_budget"]) is not None:
        output.print(
            f"Time budget {budget['seconds']:.0f} s: levers {budget['levers']}, "
            f"{budget['expected_images']} images expected, {summary['images']} made, "
            f"{summary['elapsed_seconds']:.0f} s taken"
        )
    table = Table(title="Cost")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    table.add_column("speed", justify="right")
    speed = summary["throughput"]
    speeds = {
        "denoise": f"{speed['images_per_second']:.1f} images/s generated",
        "train": f"{speed['train_images_per_second']:.0f} images/s",
    }
    for stage, seconds in summary["seconds"].items():
        table.add_row(stage, f"{seconds:.1f}", speeds.get(stage, ""))
    output.print(table)
    output.print(f"Peak memory {summary['peak_memory_bytes'] / 1e9:.2f} GB")
    output.print(f"Report: {folder / 'report.html'}", markup=False, soft_wrap=True)
