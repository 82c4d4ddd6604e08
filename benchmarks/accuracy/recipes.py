"""Accuracy of each recipe at equal numbers of images, beside as many real images.

    python -m zeroreal.benchmarks.accuracy.recipes --real FOLDER \
        --result benchmarks/results/accuracy.json

Every recipe and seed is a run of its own under `--work`, kept and not repeated when the command is
given again. `FOLDER` holds Fashion-MNIST's IDX files (without it, the real images are left out).
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from ...assets import FASHION_MNIST_TEST
from ...base import describe_environment, resolve_device
from ...base.files import write_atomically
from ...cli.progress import StageBars
from ...data import load_real_images
from ...data.fashion_mnist import as_rgb, load_fashion_mnist
from ...generate import parse_classes
from ...run import RunSettings, resume, run
from ...run.folder import CONFIG
from ...run.job import prompt_aliases
from ...run.report.summary import METRICS
from ...train import Trainer

RECIPES = ("base", "class-prompt", "multi-domain", "random-guidance", "merged")
REAL = "real images"


def measure_recipe(settings: RunSettings, folder: Path) -> float:
    """Accuracy of one run, taken from `folder` if it is finished there."""
    if not (folder / METRICS).exists():
        with StageBars() as bars:
            if (folder / CONFIG).exists():
                resume(folder, bars.show)
            else:
                run(settings, folder, bars.show)
    summary = json.loads((folder / METRICS).read_text())
    return float(summary["test"]["accuracy"])


def measure_real(settings: RunSettings, source: Path, folder: Path) -> float:
    """Accuracy of the same classifier on as many real images, drawn from the training split."""
    path = folder / METRICS
    if path.exists():
        return float(json.loads(path.read_text())["accuracy"])
    size = settings.image_size or 32
    images, labels = real_training_images(source, settings.images_per_class, size, settings.seed)
    classes = parse_classes(settings.classes)
    names = [item.name for item in classes]
    trainer = Trainer(
        settings.classifier,
        num_classes=len(classes),
        image_size=size,
        settings=settings.train,
        device=settings.device,
        seed=settings.seed,
    )
    trainer.fit(images, labels)
    test = load_real_images(FASHION_MNIST_TEST, names, size, prompt_aliases(classes))
    accuracy = trainer.evaluate(test.images, test.labels).accuracy
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({"accuracy": accuracy}).encode())
    return accuracy


def real_training_images(
    source: Path, images_per_class: int, size: int, seed: int
) -> tuple[Tensor, Tensor]:
    """`images_per_class` of every class, drawn by `seed`: uint8 `[N, S, S, 3]` and int64 `[N]`."""
    images, labels = load_fashion_mnist(source, "train")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    picked = torch.cat([order[labels[order] == c][:images_per_class] for c in range(10)])
    return as_rgb(images[picked], size), labels[picked]


def summarize(accuracies: dict[int, float]) -> dict[str, Any]:
    """Mean and sample standard deviation over seeds, with each seed's accuracy."""
    values = list(accuracies.values())
    return {
        "mean_accuracy": mean(values),
        "deviation": stdev(values) if len(values) > 1 else None,
        "by_seed": accuracies,
    }


def main() -> None:
    """Measure what the command line names and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--images-per-class", type=int, default=RunSettings.images_per_class)
    parser.add_argument("--classifier", default=RunSettings.classifier)
    parser.add_argument("--epochs", type=int, help="by default as in `zeroreal run`")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--real", type=Path, help="folder of Fashion-MNIST's IDX files")
    parser.add_argument("--work", type=Path, default=Path("build/accuracy"))
    parser.add_argument("--result", type=Path, required=True)
    chosen = parser.parse_args()

    settings = RunSettings(
        images_per_class=chosen.images_per_class,
        classifier=chosen.classifier,
        device=chosen.device,
        engine="torch",  # not tuned: which engine is fastest must not decide over accuracy
        tune="off",
    )
    if chosen.epochs is not None:
        settings = replace(settings, train=replace(settings.train, epochs=chosen.epochs))
    results = {}
    for name in [*chosen.recipes, *([REAL] if chosen.real else [])]:
        accuracies = {}
        for seed in chosen.seeds:
            one = replace(settings, seed=seed)
            folder = chosen.work / f"{name.replace(' ', '-')}-{chosen.images_per_class}-{seed}"
            if name == REAL:
                accuracies[seed] = measure_real(one, chosen.real, folder)
            else:
                accuracies[seed] = measure_recipe(replace(one, recipe=name), folder)
            print(f"{name}, seed {seed}: {100 * accuracies[seed]:.2f} %", flush=True)
        results[name] = summarize(accuracies)
    content = {
        "date": time.strftime("%Y-%m-%d"),
        "command": shlex.join(
            ["python", "-m", "zeroreal.benchmarks.accuracy.recipes", *sys.argv[1:]]
        ),
        "environment": describe_environment(resolve_device(chosen.device)),
        "images_per_class": chosen.images_per_class,
        "steps": settings.steps,
        "classifier": settings.classifier,
        "epochs": settings.train.epochs,
        "test": "shipped test set, 5,000 real images",
        "results": results,
    }
    chosen.result.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(chosen.result, json.dumps(content, indent=2).encode() + b"\n")


if __name__ == "__main__":
    main()
