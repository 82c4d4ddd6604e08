"""The main job: class names in, a tested classifier and its report out, in one folder."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ..assets import FASHION_MNIST_TEST
from ..engine import InputError, environment, peak_memory_bytes
from ..export import ExportProgress
from ..generate import (
    ClassName,
    DataParallelGenerator,
    Generator,
    Recipe,
    SamplePlan,
    TuneProgress,
    load_recipe,
    parse_classes,
)
from ..generate.classes import slug
from .calibration import measure_speeds, most_images
from .files import write_atomically
from .levers import read_levers
from .pictures import confusion_picture, png_bytes, sample_grid
from .pool import ImagePool
from .real_data import RealImages, load_real_images
from .report import write_report
from .run_settings import (
    CONFIG,
    EMBEDDED_CLASSES,
    GENERATOR_OPTIONS,
    RunSettings,
    check_unused,
    new_run_folder,
    read_config,
    write_config,
)
from .saved import ClassifierCard, save_classifier
from .time_budget import Budget, BudgetPlan, GenerationClock, deadline_of, rank_plans
from .trainer import EpochReport, Trainer

METRICS = "metrics.json"
_PARTIAL = "generated.safetensors"
_GRID_COLUMNS = 10


@dataclass(frozen=True)
class Progress:
    """How far a stage is, for whoever shows it."""

    stage: str
    done: int
    total: int
    note: str = ""


@dataclass(frozen=True)
class RunResult:
    """A finished run: its folder and what `metrics.json` there holds."""

    folder: Path
    summary: dict[str, Any]


class RunInterruptedError(Exception):
    """A run was stopped by the user; what was generated is saved in `folder`."""

    def __init__(self, folder: Path, done: int, total: int) -> None:
        super().__init__(f"interrupted with {done} of {total} images generated and saved")
        self.folder = folder


def run(
    settings: RunSettings,
    out: str | Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    keep: Collection[str] = (),
) -> RunResult:
    """Generate images, train a classifier on them, test it on real ones, and report.

    Everything that the user gave is checked before anything is written. `out` is the new run's
    folder, by default `runs/<time>-<recipe>`. With a time budget, the settings that make the most
    of it are chosen; those that `keep` names, and those that differ from the defaults, stay as they
    are. Raises `InputError` for what cannot be used and `RunInterruptedError` on Ctrl-C, with the
    images so far saved.
    """
    started = time.perf_counter()
    if out is not None:
        check_unused(Path(out))
    job = _Job(settings, on_progress)
    if settings.time_budget is not None:
        job = _within_budget(job, settings.time_budget, keep, started)
    folder = new_run_folder(out, slug(job.recipe.name) or "run")
    return job.finish(folder, started)


def resume(
    folder: str | Path, on_progress: Callable[[Progress], None] = lambda progress: None
) -> RunResult:
    """Continue an interrupted run from the images that it saved."""
    started = time.perf_counter()
    folder = Path(folder)
    settings, recipe_content = read_config(folder)
    if (folder / METRICS).exists():
        raise InputError(f"the run in {str(folder)!r} is finished: start a new one")
    job = _Job(settings, on_progress)
    if job.recipe_content != recipe_content:
        raise InputError(
            f"recipe {settings.recipe!r} has changed since the run in {str(folder)!r} began: "
            "restore it, or start a new run"
        )
    job.restore(folder)
    return job.finish(folder, started)


def _within_budget(job: _Job, seconds: float, keep: Collection[str], started: float) -> _Job:
    """The job with the settings that promise most within `seconds`, by what was measured."""
    job.on_progress(Progress("calibrate", 0, 1))
    facts, settings = job.generator.facts, job.settings
    speeds = measure_speeds(
        job.generator,
        job.plan,
        settings,
        at_once=facts.batch_size * max(1, len(settings.devices)),
        image_size=facts.image_size,
        test_images=0 if job.test is None else len(job.test.images),
        load=job.seconds["load"],
    )
    spent = time.perf_counter() - started
    budget = Budget(seconds, spent, most_images(job.generator.device, facts.image_size))
    plans = rank_plans(settings, keep, budget, speeds, read_levers())
    job.close()
    del job.generator  # before another takes memory
    found: dict[str, Any] = {
        "engine": facts.engine,
        "batch_size": facts.batch_size,
        "vae_batch_size": facts.vae_batch_size,
    }
    for chosen in plans:
        try:
            best = _Job(replace(chosen.settings, **found), job.on_progress)
            break
        except InputError:  # levers that this model or engine does not have
            if chosen is plans[-1]:
                raise
    job.on_progress(Progress("calibrate", 1, 1, chosen.lever))
    best.clock = GenerationClock(deadline_of(seconds, started), speeds)
    best.budget = chosen
    return best


class _Job:
    """A run's parts, made from its settings in the order in which mistakes are cheapest to find."""

    def __init__(self, settings: RunSettings, on_progress: Callable[[Progress], None]) -> None:
        self.settings = settings
        self.on_progress = on_progress
        self.classes = parse_classes(settings.classes)
        self.names = tuple(item.name for item in self.classes)
        self.recipe = load_recipe(settings.recipe)
        self.plan = SamplePlan(
            self.recipe, self.classes, settings.images_per_class, seed=settings.seed
        )
        loading = time.perf_counter()
        self.generator = _generator(settings, on_progress)
        size = self.generator.facts.image_size
        self.trainer = Trainer(
            settings.classifier,
            num_classes=len(self.classes),
            image_size=size,
            settings=settings.train,
            device=settings.device,
            seed=settings.seed,
        )
        self.test = self._test_images(size)
        self.pool = ImagePool(len(self.plan), size, self.generator.device)
        self.seconds = {"load": time.perf_counter() - loading}
        self.clock: GenerationClock | None = None
        self.budget: BudgetPlan | None = None

    @property
    def recipe_content(self) -> dict[str, Any]:
        return {"name": self.recipe.name, "leaves": [_leaf(leaf) for leaf in self.recipe.leaves]}

    def _test_images(self, size: int) -> RealImages | None:
        source = self.settings.data
        if source is None:
            if self.settings.classes != EMBEDDED_CLASSES:
                return None
            source = str(FASHION_MNIST_TEST)
        return load_real_images(source, self.names, size, prompt_aliases(self.classes))

    def close(self) -> None:
        """End the processes that generate, if there are any."""
        if isinstance(self.generator, DataParallelGenerator):
            self.generator.close()

    def restore(self, folder: Path) -> None:
        path = folder / _PARTIAL
        if not path.exists():
            return
        try:
            saved = load_file(path)
            self.pool.add(saved["images"], saved["labels"], saved["slots"].tolist())
        except (SafetensorError, KeyError) as error:
            raise InputError(
                f"{str(path)!r} is damaged ({error}): remove it to generate its images again"
            ) from None

    def finish(self, folder: Path, started: float) -> RunResult:
        try:
            self._keep_config(folder)
            self._generate()
            history = self._train()
        except KeyboardInterrupt:
            self._keep_config(folder)  # it may have been written just then
            pool = self.pool
            parts = {"images": pool.images, "labels": pool.labels, "slots": pool.slots}
            saved = {name: part.cpu() for name, part in parts.items()}
            write_atomically(folder / _PARTIAL, save(saved))
            self._save_grid(folder)
            raise RunInterruptedError(folder, len(self.pool), len(self.plan)) from None
        card = ClassifierCard(
            self.settings.classifier,
            self.names,
            tuple(item.prompt for item in self.classes),
            self.pool.image_size,
        )
        save_classifier(folder, self.trainer.model, card)
        test = self._evaluate()
        elapsed = time.perf_counter() - started
        summary = {**self._summary(folder, history, test), "elapsed_seconds": round(elapsed, 3)}
        self._write(folder, summary)
        (folder / _PARTIAL).unlink(missing_ok=True)
        return RunResult(folder, summary)

    def _keep_config(self, folder: Path) -> None:
        """Write what the run can be resumed by, if it is not there yet."""
        if not (folder / CONFIG).exists():
            write_config(folder, self.settings, self.recipe_content)

    def _generate(self) -> None:
        total, before = len(self.plan), len(self.pool)
        self.on_progress(Progress("generate", before, total))
        began = time.perf_counter()
        for batch in self.generator.generate(self.plan, set(self.pool.slots.tolist())):
            self.pool.add(batch.images, batch.labels, [spec.index for spec in batch.specs])
            rate = (len(self.pool) - before) / (time.perf_counter() - began)
            self.on_progress(Progress("generate", len(self.pool), total, f"{rate:.0f} images/s"))
            if self.clock is not None and self.clock.is_over(len(self.pool)):
                break
        self.generated_now = len(self.pool) - before
        self.generating = time.perf_counter() - began
        self.seconds.update(self.generator.seconds.totals)
        self.close()  # training has the memory now

    def _train(self) -> list[EpochReport]:
        began = time.perf_counter()
        self.on_progress(Progress("train", 0, self.settings.train.epochs))

        def report(epoch: EpochReport) -> None:
            self.on_progress(Progress("train", epoch.epoch, epoch.epochs, f"loss {epoch.loss:.3f}"))

        history = self.trainer.fit(self.pool, on_epoch=report)
        self.seconds["train"] = time.perf_counter() - began
        return history

    def _evaluate(self) -> dict[str, Any] | None:
        if self.test is None:
            return None
        began = time.perf_counter()
        evaluation = self.trainer.evaluate(self.test.images, self.test.labels)
        self.seconds["evaluate"] = time.perf_counter() - began
        return {"source": self.test.source, **evaluation.summary(self.names)}

    def _summary(
        self, folder: Path, history: list[EpochReport], test: dict[str, Any] | None
    ) -> dict[str, Any]:
        device, facts = self.generator.device, self.generator.facts
        examples = {leaf.prompt: None for leaf in self.recipe.leaves}
        versions = environment(device)
        return {
            "name": folder.name,
            "created": datetime.now().astimezone().isoformat(timespec="seconds"),
            "zeroreal": versions.get("zeroreal", "unknown"),
            "command": shlex.join(["zeroreal", *sys.argv[1:]]),
            "classes": list(self.names),
            "recipe": {
                "name": self.recipe.name,
                "description": self.recipe.description,
                "templates": list(examples),
                "prompts": [spec.prompt for spec in self.plan[:_GRID_COLUMNS]],
            },
            "model": str(facts.folder),
            "classifier": self.settings.classifier,
            "images": len(self.pool),
            "rejected": [spec.index for spec in self.generator.rejected],
            "images_per_class": self.settings.images_per_class,
            "image_size": self.pool.image_size,
            "steps": self.settings.steps,
            "scheduler": facts.scheduler,
            "seed": self.settings.seed,
            "device": versions["device"],
            "engine": facts.backend,
            "dtype": str(facts.dtype).removeprefix("torch."),
            "batch_size": facts.batch_size,
            "vae_batch_size": facts.vae_batch_size,
            "time_budget": self._budget_summary(),
            "test": test,
            "throughput": {
                "images_per_second": self.generated_now / self.generating,
                "train_images_per_second": len(self.pool) * len(history) / self.seconds["train"],
            },
            "seconds": {stage: round(value, 3) for stage, value in self.seconds.items()},
            "peak_memory_bytes": peak_memory_bytes(device),
            "training": {
                "epochs": len(history),
                "loss": [epoch.loss for epoch in history],
                "accuracy": [epoch.accuracy for epoch in history],
            },
            "environment": versions,
        }

    def _budget_summary(self) -> dict[str, Any] | None:
        if self.budget is None:
            return None
        plan = self.budget
        return {
            "seconds": self.settings.time_budget,
            "levers": plan.lever,
            "expected_images": plan.images,
            "expected_accuracy": plan.accuracy,
            "expected_seconds": {
                "generate": plan.generate_seconds,
                "train": plan.train_seconds,
                "other": plan.other_seconds,
            },
        }

    def _save_grid(self, folder: Path) -> None:
        if len(self.pool):
            write_atomically(folder / "samples.png", png_bytes(self._grid()))

    def _grid(self) -> Any:
        shown = min(len(self.pool), _GRID_COLUMNS * len(self.classes))
        return sample_grid(
            self.pool.images[:shown].cpu(), self.pool.labels[:shown].cpu(), self.names
        )

    def _write(self, folder: Path, summary: dict[str, Any]) -> None:
        pictures = {"samples": self._grid()}
        if summary["test"] is not None:
            confusion = torch.tensor(summary["test"]["confusion"])
            pictures["confusion"] = confusion_picture(confusion, self.names)
        for name, picture in pictures.items():
            write_atomically(folder / f"{name}.png", png_bytes(picture))
        write_report(folder / "report.html", summary, pictures)
        # Last, because its presence says that the run is finished.
        text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
        write_atomically(folder / METRICS, text.encode())


def _generator(
    settings: RunSettings, on_progress: Callable[[Progress], None]
) -> Generator | DataParallelGenerator:
    options = {name: getattr(settings, name) for name in GENERATOR_OPTIONS}

    def tell(state: ExportProgress | TuneProgress) -> None:
        if isinstance(state, ExportProgress):
            note = f"{state.graph}: {state.stage}"
            on_progress(Progress("export", state.done, state.total, note))
        else:
            told.append(state)
            on_progress(Progress("tune", 0, 1, state.engine))

    told: list[TuneProgress] = []
    generator: Generator | DataParallelGenerator
    if settings.devices:
        generator = DataParallelGenerator(
            settings.devices, device=settings.device, on_progress=tell, **options
        )
    else:
        generator = Generator(device=settings.device, on_progress=tell, **options)
    if told:
        on_progress(Progress("tune", 1, 1, generator.facts.backend))
    return generator


def prompt_aliases(classes: tuple[ClassName, ...]) -> dict[str, str]:
    """Display prompts as further names of their classes, for matching test data."""
    return {item.prompt: item.name for item in classes}


def _leaf(leaf: Recipe) -> dict[str, Any]:
    fields = ("name", "prompt", "domains", "negative_prompt", "guidance")
    return leaf.model_dump(mode="json", include=set(fields))
