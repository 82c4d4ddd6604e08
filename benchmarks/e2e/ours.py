"""Our contender: `zeroreal run`, as people type it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ...base.settings import plain
from ...run.report.summary import METRICS
from ...run.settings import RunSettings
from .process import timed_process
from .run_figures import RunFigures

_COMMAND = (sys.executable, "-c", "from zeroreal.cli.main import main; main()", "run")
_BESIDE = ("load", "train", "evaluate")
"""Stages that are not generation."""


def settle_ours(settings: RunSettings, folder: Path, cache: Path) -> dict[str, Any]:
    """Let the engine and batch sizes be tuned, once, by a run of very few images."""
    few = replace(settings, images_per_class=2, train=replace(settings.train, epochs=1))
    seconds, metrics = _run(few, folder, cache)
    return {"seconds": seconds, **_choices(metrics)}


def run_ours(settings: RunSettings, folder: Path, cache: Path) -> RunFigures:
    """One run into a `folder` that is not there yet, with what is remembered in `cache`."""
    seconds, metrics = _run(settings, folder, cache)
    stages, tested = metrics["seconds"], metrics["test"]
    return RunFigures(
        seconds=seconds - stages["evaluate"],
        startup_seconds=seconds - metrics["elapsed_seconds"] + stages["load"],
        generate_seconds=sum(stages[name] for name in stages if name not in _BESIDE),
        save_seconds=0.0,
        train_seconds=stages["train"],
        accuracy=tested["accuracy"],
        facts={"tested_on": tested["images"], **_choices(metrics)},
    )


def _run(settings: RunSettings, folder: Path, cache: Path) -> tuple[float, dict[str, Any]]:
    """The seconds of the whole command, and what it says of itself."""
    folder.mkdir(parents=True)
    config, out = folder / "given.yaml", folder / "run"
    config.write_text(yaml.safe_dump(plain(settings)))
    seconds = timed_process(
        (*_COMMAND, "--config", str(config), "--out", str(out)),
        folder / "log",
        {"ZEROREAL_CACHE": str(cache.resolve())},
    )
    return seconds, json.loads((out / METRICS).read_text())


def _choices(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: metrics[name] for name in ("engine", "dtype", "batch_size", "vae_batch_size")}
