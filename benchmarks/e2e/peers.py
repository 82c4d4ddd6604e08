"""The peers: the usual way in a process of its own, told what to do by a file."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ...assets import FASHION_MNIST_TEST
from ...assets.embedded import EMBEDDED_CLASSES
from ...base import resolve_precision
from ...base.device import PRECISIONS, resolve_device
from ...export import find_model, native_side
from ...generate import SamplePlan, load_recipe, parse_classes
from ...generate.plan.classes import prompt_aliases
from ...run.settings import RunSettings
from .peer_settings import PeerSettings
from .process import timed_process
from .run_figures import RunFigures

_WAY, _SETTLING = (f"{__package__}.{name}" for name in ("usual_way", "settling"))
_SETTLED = ("batch_size", "channels_last", "workers")


def settle_peer(settings: PeerSettings, folder: Path, device: str) -> dict[str, Any]:
    """Find what is fastest of what the settings leave open, in no time where they say all."""
    given = {name: getattr(settings, name) for name in _SETTLED}
    if None not in given.values():
        return {"seconds": 0.0, **given}
    job = _job(settings, folder, device, images_per_class=1, seed=0)
    seconds, found = _run(_SETTLING, job, folder)
    return {"seconds": seconds, **found}


def run_peer(
    settings: PeerSettings,
    settled: dict[str, Any],
    folder: Path,
    device: str,
    images_per_class: int,
    seed: int,
) -> RunFigures:
    """One run into a `folder` that is not there yet."""
    choices = {name: settled[name] for name in _SETTLED}
    job = _job(replace(settings, **choices), folder, device, images_per_class, seed)
    seconds, found = _run(_WAY, job, folder)
    stages = found["seconds"]
    counted = seconds - stages["test"]
    return RunFigures(
        seconds=counted,
        startup_seconds=counted - stages["generate"] - stages["save"] - stages["train"],
        generate_seconds=stages["generate"],
        save_seconds=stages["save"],
        train_seconds=stages["train"],
        accuracy=found["accuracy"],
        facts={"tested_on": found["tested_on"], "dtype": job["precision"], **choices},
    )


def _job(
    settings: PeerSettings, folder: Path, device: str, images_per_class: int, seed: int
) -> dict[str, Any]:
    """What the process is told."""
    classes = parse_classes(EMBEDDED_CLASSES)
    plan = SamplePlan(load_recipe(settings.recipe), classes, images_per_class, seed)
    model = find_model(None)
    dtype = resolve_precision("auto", resolve_device(device))
    names = {value: name for name, value in PRECISIONS.items()}
    return {
        **asdict(settings),
        "folder": str(folder),
        "model": str(model),
        "device": str(resolve_device(device)),
        "precision": names[dtype],
        "seed": seed,
        "samples": [[classes[one.label].name, one.prompt, one.guidance] for one in plan],
        "classifier": RunSettings.classifier,
        "image_size": native_side(model),
        "test": str(FASHION_MNIST_TEST),
        "aliases": prompt_aliases(classes),
    }


def _run(module: str, job: dict[str, Any], folder: Path) -> tuple[float, dict[str, Any]]:
    """The seconds of a process with this job, and what it gives."""
    folder.mkdir(parents=True)
    told, gives = folder / "job.json", folder / "result.json"
    told.write_text(json.dumps(job))
    command = (sys.executable, "-m", module, str(told), str(gives))
    seconds = timed_process(command, folder / "log")
    return seconds, json.loads(gives.read_text())
