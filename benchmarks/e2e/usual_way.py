"""The usual way from prompts to a classifier, as people put it together, in a process of its own.

diffusers' pipeline makes images, which are saved as PNG files in a folder for each class;
torchvision's `ImageFolder` and PyTorch's `DataLoader` read them, and a plain loop of timm's parts
trains. Nothing of ours takes part until the clock has stopped, but for the network's small stem.

    python -m zeroreal.benchmarks.e2e.usual_way JOB.json RESULT.json
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from PIL.Image import Image
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils.model_ema import ModelEmaV3
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from ...train.classifier.create import create_classifier

Job = dict[str, Any]
Sample = tuple[str, str, float]
"""Class, prompt and guidance scale."""
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def load_pipeline(job: Job) -> Any:
    """The pipeline, by diffusers' guide to speed (docs: optimization/fp16)."""
    pipeline = DiffusionPipeline.from_pretrained(
        job["model"],
        torch_dtype=DTYPES[job["precision"]],
        use_safetensors=True,
        trust_remote_code=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(job["device"])
    if job["channels_last"]:
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.vae.to(memory_format=torch.channels_last)
    if job["compile"]:
        mode = "max-autotune" if torch.device(job["device"]).type == "cuda" else "default"
        pipeline.unet = torch.compile(pipeline.unet, mode=mode, fullgraph=True)
        pipeline.vae.decode = torch.compile(pipeline.vae.decode, mode=mode, fullgraph=True)
    return pipeline


def generated(pipeline: Any, job: Job) -> Iterator[tuple[str, Image]]:
    """Each sample's class and image; a call of the pipeline has one guidance scale."""
    noise = torch.Generator(job["device"]).manual_seed(job["seed"])
    samples: list[Sample] = sorted(job["samples"], key=lambda sample: sample[2])
    for guidance, group in groupby(samples, key=lambda sample: sample[2]):
        same = list(group)
        for begin in range(0, len(same), job["batch_size"]):
            batch = same[begin : begin + job["batch_size"]]
            images = pipeline(
                [prompt for _, prompt, _ in batch],
                guidance_scale=guidance,
                num_inference_steps=job["steps"],
                generator=noise,
            ).images
            yield from zip((name for name, _, _ in batch), images, strict=True)


def save(images: list[tuple[str, Image]], folder: Path) -> None:
    """Write the images, each into the folder of its class."""
    for name in {name for name, _ in images}:
        (folder / name).mkdir(parents=True)
    for number, (name, image) in enumerate(images):
        image.save(folder / name / f"{number:06}.png")


def image_loader(folder: Path, job: Job) -> DataLoader[Any]:
    """Batches of the images, shifted and mirrored as is usual for small ones."""
    side = job["image_size"]
    dataset = ImageFolder(
        str(folder),
        transforms.Compose(
            [
                transforms.RandomCrop(side, padding=side // 8),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD),
            ]
        ),
    )
    size = job["train_batch_size"]
    return DataLoader(
        dataset,
        size,
        shuffle=True,
        num_workers=job["workers"],
        persistent_workers=job["workers"] > 0,
        pin_memory=torch.device(job["device"]).type == "cuda",
        drop_last=len(dataset) % size == 1,  # batch normalisation needs two
    )


def train(loader: DataLoader[Any], classes: int, job: Job) -> nn.Module:
    """The loop of timm's `train.py`; the moving average of the weights."""
    device, dtype = torch.device(job["device"]), DTYPES[job["precision"]]
    model = create_classifier(job["classifier"], classes, job["image_size"])
    model.to(device).to(memory_format=torch.channels_last).train()
    optimizer = create_optimizer_v2(model, "adamw", lr=job["learning_rate"], weight_decay=0.05)
    updates, done = job["epochs"] * len(loader), 0
    schedule = CosineLRScheduler(
        optimizer,
        t_initial=updates,
        warmup_t=round(0.1 * updates),
        warmup_prefix=True,
        t_in_epochs=False,
    )
    loss_of = LabelSmoothingCrossEntropy(0.1)
    average = ModelEmaV3(model, decay=0.99, use_warmup=True)
    for _ in range(job["epochs"]):
        for images, labels in loader:
            images = images.to(device, memory_format=torch.channels_last, non_blocking=True)
            with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
                loss = loss_of(model(images), labels.to(device, non_blocking=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
            average.update(model, step=done)
            schedule.step_update(done)
    averaged: nn.Module = average.module
    return averaged.eval()


def run(job: Job) -> dict[str, Any]:
    """Seconds of each stage, and the accuracy."""
    torch.manual_seed(job["seed"])
    folder, marks = Path(job["folder"]), [time.perf_counter()]
    pipeline = load_pipeline(job)
    marks.append(time.perf_counter())
    images = list(generated(pipeline, job))
    marks.append(time.perf_counter())
    save(images, folder / "images")
    marks.append(time.perf_counter())
    loader = image_loader(folder / "images", job)
    model = train(loader, len(loader.dataset.classes), job)  # type: ignore[attr-defined]
    torch.save(model.state_dict(), folder / "classifier.pt")
    marks.append(time.perf_counter())
    accuracy, count = _test(model, loader.dataset.classes, job)  # type: ignore[attr-defined]
    marks.append(time.perf_counter())
    stages = ("load", "generate", "save", "train", "test")
    seconds = [after - before for before, after in pairwise(marks)]
    return {
        "accuracy": accuracy,
        "tested_on": count,
        "seconds": dict(zip(stages, seconds, strict=True)),
    }


def _test(model: nn.Module, classes: list[str], job: Job) -> tuple[float, int]:
    """Accuracy on the real images, counted as ours is, and how many they are."""
    from ...data import load_real_images  # not above: it is none of the usual way
    from ...train.classifier.evaluate import evaluate

    test = load_real_images(job["test"], classes, job["image_size"], job["aliases"])
    device = torch.device(job["device"])
    counts = evaluate(model, test.images, test.labels, len(classes), device)
    return counts.accuracy, counts.images


if __name__ == "__main__":
    job_file, result_file = map(Path, sys.argv[1:])
    result_file.write_text(json.dumps(run(json.loads(job_file.read_text()))))
