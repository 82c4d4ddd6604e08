"""Accuracy of each recipe at equal numbers of images, beside as many real images.

    zeroreal bench recipes --real FOLDER --result benchmarks/results/accuracy.json

Every recipe and seed is a run of its own, kept and not repeated when the command is given again.
`FOLDER` holds Fashion-MNIST's IDX files (without it, the real images are left out).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from ...assets import FASHION_MNIST_TEST
from ...base.progress import StageProgress
from ...data import load_real_images
from ...data.fashion_mnist import as_rgb, load_fashion_mnist
from ...generate import GenerateSettings, load_recipe, parse_classes
from ...generate.plan.classes import prompt_aliases
from ...generate.plan.content import recipe_content
from ...report.results.result import Figures, Row
from ...run import RunInterruptedError, RunSettings, resume, run
from ...run.folder import CONFIG
from ...run.report.summary import METRICS, summary_of
from ...train import Trainer
from ..harness import SILENT, Progress, check_counts
from .figures import over_seeds
from .kept import keep_figures, kept_path
from .settings import RecipesSettings

REAL = "real images"


def measure_recipes(settings: RecipesSettings, progress: Progress = SILENT) -> Figures:
    """Measure what is not kept; what there is is kept after each run.

    Ctrl-C ends the measurement with the runs that are finished; the one in hand goes on when the
    command is given again. Raises `InputError` for settings that cannot be used.
    """
    check_counts({"images per class": settings.images_per_class})
    same = _run_settings(settings)
    facts = {
        "images": settings.images_per_class * len(same.classes),
        "steps": same.generate.steps,
        "classifier": same.classifier,
        "epochs": same.train.epochs,
        "test": "shipped test set, 5,000 real images",
    }
    found: dict[str, dict[int, float]] = {}

    def so_far(finished: bool) -> Figures:
        rows = (_row(name, by_seed) for name, by_seed in found.items())
        return Figures(tuple(rows), facts, finished=finished)

    try:
        for name in [*settings.recipes, *([REAL] if settings.real else [])]:
            for seed in settings.seeds:
                one = replace(same, seed=seed)
                accuracy = _accuracy(name, one, settings, progress)
                found.setdefault(name, {})[seed] = accuracy
                progress.tell(f"{name}, seed {seed}: {100 * accuracy:.2f} %")
                progress.keep(so_far(finished=False))
    except (KeyboardInterrupt, RunInterruptedError):
        return so_far(finished=False)
    return so_far(finished=True)


def _row(name: str, by_seed: Mapping[int, float]) -> Row:
    metrics = {"accuracy": over_seeds(by_seed.values())}
    return Row(name, metrics=metrics, facts={"seeds": list(by_seed)})


def _accuracy(
    name: str, run_settings: RunSettings, settings: RecipesSettings, progress: Progress
) -> float:
    """Of a recipe's run, or of real images."""
    if settings.real is not None and name == REAL:
        return measure_real(run_settings, settings.real, settings.work)
    told: set[str] = set()

    def on_progress(stage: StageProgress) -> None:
        if stage.stage not in told:
            told.add(stage.stage)
            progress.tell(f"{name}, seed {run_settings.seed}: {stage.stage}")

    return measure_recipe(replace(run_settings, recipe=name), settings.work, on_progress)


def _run_settings(settings: RecipesSettings) -> RunSettings:
    """What all runs have in common."""
    same = RunSettings(
        images_per_class=settings.images_per_class,
        classifier=settings.classifier,
        device=settings.device,
        # Not tuned: which engine is fastest must not decide over accuracy.
        generate=GenerateSettings(engine="torch", tune="off", unet="own", steps=12),
    )
    if settings.epochs is None:
        return same
    return replace(same, train=replace(same.train, epochs=settings.epochs))


def measure_recipe(
    settings: RunSettings, work: Path, on_progress: Callable[[StageProgress], None]
) -> float:
    """Accuracy of one run, taken from `work` if it is finished there."""
    key = {"run": asdict(settings), "recipe": recipe_content(load_recipe(settings.recipe))}
    name = f"{settings.recipe}-{settings.images_per_class}-{settings.seed}"
    folder = kept_path(work, name, key)
    if not (folder / METRICS).exists():
        if (folder / CONFIG).exists():
            resume(folder, on_progress)
        else:
            run(settings, folder, on_progress)
    test = summary_of(json.loads((folder / METRICS).read_text())).test
    assert test is not None  # the embedded classes have their test images
    return test.accuracy


def measure_real(settings: RunSettings, source: Path, work: Path) -> float:
    """Accuracy of the same classifier on as many real images, taken from `work` if it is there."""
    key = {"run": asdict(settings), "real": str(source.resolve())}
    name = f"{REAL}-{settings.images_per_class}-{settings.seed}"
    figures = keep_figures(work, name, key, lambda: {"accuracy": _train_on_real(settings, source)})
    return float(figures["accuracy"])


def _train_on_real(settings: RunSettings, source: Path) -> float:
    """Accuracy of a classifier trained on images drawn from the training split."""
    size = settings.generate.image_size or 32
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
    return trainer.evaluate(test.images, test.labels).accuracy


def real_training_images(
    source: Path, images_per_class: int, size: int, seed: int
) -> tuple[Tensor, Tensor]:
    """`images_per_class` of every class, drawn by `seed`: uint8 `[N, S, S, 3]` and int64 `[N]`."""
    images, labels = load_fashion_mnist(source, "train")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    picked = torch.cat([order[labels[order] == c][:images_per_class] for c in range(10)])
    return as_rgb(images[picked], size), labels[picked]
