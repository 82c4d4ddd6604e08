"""What a run says of itself: `metrics.json`, pictures and the report."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ..base import describe_environment, peak_memory_bytes
from ..base.files import write_atomically
from ..report.pictures import confusion_picture, png_bytes, sample_grid
from .job import Job
from .report_page import write_report

METRICS = "metrics.json"
_GRID_COLUMNS = 10


def summarize(job: Job, folder: Path, test: dict[str, Any] | None) -> dict[str, Any]:
    """The content of a finished run's `metrics.json`, but for the time that it took in all."""
    device, facts, history = job.generator.device, job.generator.facts, job.history
    examples = {leaf.prompt: None for leaf in job.recipe.leaves}
    versions = describe_environment(device)
    return {
        "name": folder.name,
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "zeroreal": versions.get("zeroreal", "unknown"),
        "command": shlex.join(["zeroreal", *sys.argv[1:]]),
        "classes": list(job.names),
        "recipe": {
            "name": job.recipe.name,
            "description": job.recipe.description,
            "templates": list(examples),
            "prompts": [spec.prompt for spec in job.plan[:_GRID_COLUMNS]],
        },
        "model": str(facts.folder),
        "classifier": job.settings.classifier,
        "images": job.feed.images,
        "rejected": [spec.index for spec in job.generator.rejected],
        "images_per_class": job.settings.images_per_class,
        "image_size": job.image_size,
        "steps": job.settings.steps,
        "scheduler": facts.scheduler,
        "seed": job.settings.seed,
        "device": versions["device"],
        "engine": facts.backend,
        "dtype": str(facts.dtype).removeprefix("torch."),
        "batch_size": facts.batch_size,
        "vae_batch_size": facts.vae_batch_size,
        "pool": {
            "capacity": job.pool.capacity,
            "policy": job.settings.pool_policy,
            "blocks": len(job.feed.blocks),
            "sharing": job.feed.sharing.mode,
            "sharing_measured": job.feed.sharing.relative,
        },
        "time_budget": _budget(job),
        "test": test,
        "throughput": {
            "images_per_second": job.feed.images_per_second,
            "train_images_per_second": job.pool.samples / job.seconds["train"],
        },
        "seconds": {stage: round(value, 3) for stage, value in job.seconds.items()},
        "peak_memory_bytes": peak_memory_bytes(device),
        "training": {
            "epochs": len(history),
            "replay_ratio": job.replay_ratio,
            "loss": [epoch.loss for epoch in history],
            "accuracy": [epoch.accuracy for epoch in history],
            "teacher": job.settings.teacher,
            "batch_norm_data": job.settings.batch_norm_data,
        },
        "environment": versions,
    }


def _budget(job: Job) -> dict[str, Any] | None:
    if job.budget is None:
        return None
    plan = job.budget
    return {
        "seconds": job.settings.time_budget,
        "levers": plan.lever,
        "expected_images": plan.images,
        "expected_accuracy": plan.accuracy,
        "expected_seconds": {
            "generate": plan.generate_seconds,
            "train": plan.train_seconds,
            "other": plan.other_seconds,
        },
    }


def write_summary(job: Job, folder: Path, summary: dict[str, Any]) -> None:
    """Write pictures, report and metrics of a finished run."""
    pictures = {"samples": _grid(job)}
    if summary["test"] is not None:
        confusion = torch.tensor(summary["test"]["confusion"])
        pictures["confusion"] = confusion_picture(confusion, job.names)
    for name, picture in pictures.items():
        write_atomically(folder / f"{name}.png", png_bytes(picture))
    write_report(folder / "report.html", summary, pictures)
    # Last, because its presence says that the run is finished.
    text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / METRICS, text.encode())


def write_samples(job: Job, folder: Path) -> None:
    """Write the picture of an unfinished run's images, if there are any."""
    if job.feed.written:
        write_atomically(folder / "samples.png", png_bytes(_grid(job)))


def _grid(job: Job) -> Image.Image:
    images, labels, _ = job.pool.written(_GRID_COLUMNS * len(job.names))
    return sample_grid(images, labels, job.names)
