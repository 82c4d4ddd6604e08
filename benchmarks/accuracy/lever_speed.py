"""Speed of generation with each setting, and of training: all take turns, on a quiet machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from torch import Tensor

from ...base import InputError, describe_device, resolve_device
from ...generate import Generator, SamplePlan, load_recipe, parse_classes
from ...generate.plan.content import recipe_content
from ...report.results.environment import command_line, result_environment
from ...run import RunSettings
from ...train import ImagePool, Trainer, TrainSettings
from ..harness import (
    Contender,
    Measurement,
    Progress,
    doubts,
    ratios,
    reason_of,
    run_rounds,
    timed,
)
from .lever_settings import BASELINE

_TRAINING = "training"
_IMAGES = 500  # a round
_EPOCHS = 2  # a round
_FORM = 2  # of what is kept: figures of another form are measured again


def speed_key(levers: Mapping[str, Mapping[str, Any]], rounds: int, device: str) -> dict[str, Any]:
    """All that decides what `measure_speed` gives."""
    defaults = RunSettings()
    return {
        "form": _FORM,
        "levers": {name: dict(change) for name, change in levers.items()},
        "rounds": rounds,
        "device": describe_device(resolve_device(device)),
        "run": asdict(defaults),
        "recipe": recipe_content(load_recipe(defaults.recipe)),
        "images": _IMAGES,
        "epochs": _EPOCHS,
    }


def measure_speed(
    levers: Mapping[str, Mapping[str, Any]],
    rounds: int,
    device: str,
    progress: Progress,
) -> dict[str, Any]:
    """Images a second of generation with each of `levers`, and of an epoch of training, by round.

    Each setting has the engine and the batch sizes that tuning finds for it; one that cannot serve
    is in the result with its reason. Raises `KeyboardInterrupt` for Ctrl-C, also during rounds.
    """
    target = resolve_device(device)
    plan = _plan()
    generators, refused = {}, {}
    for name, change in levers.items():
        progress.tell(f"{name}: loading, tuning and warming up")
        try:
            generators[name] = Generator(device=device, **change)
            images, labels = generators[name].images(plan)
        except InputError as error:
            refused[name] = reason_of(error)
    trainer = _warm_trainer(images, labels, device)
    before = {name: dict(generator.seconds.totals) for name, generator in generators.items()}
    works: dict[str, Callable[[], object]] = {
        name: partial(generator.images, plan) for name, generator in generators.items()
    }
    works[_TRAINING] = partial(trainer.fit, ImagePool.of(images, labels, target))
    done = run_rounds(
        [Contender(name, partial(timed, work, target)) for name, work in works.items()],
        rounds,
        lambda state: progress.tell(f"round {state.done} of {state.wanted}"),
    )
    if done.done < done.wanted:
        raise KeyboardInterrupt  # a part of the rounds is not worth keeping
    measured = {measurement.name: measurement for measurement in done.measurements}
    rows = {
        name: {
            "images_per_second": _rates(measured[name], _IMAGES),
            "ratio": ratios(measured[name], measured[BASELINE]),
            **_settings(generator),
            "stage_seconds": {
                stage: (seconds - before[name][stage]) / done.done / _IMAGES
                for stage, seconds in generator.seconds.totals.items()
            },
        }
        for name, generator in generators.items()
        if measured[name].reason is None
    }
    failed = {one.name: one.reason for one in done.measurements if one.reason is not None}
    return {
        "command": command_line(),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "environment": result_environment(target),
        "doubts": doubts(done),
        "refused": refused | failed,
        "training": {"images_per_second": _rates(measured[_TRAINING], _IMAGES * _EPOCHS)},
        "generation": rows,
    }


def _plan() -> SamplePlan:
    defaults = RunSettings()
    classes = parse_classes(defaults.classes)
    return SamplePlan(load_recipe(defaults.recipe), classes, _IMAGES // len(classes))


def _warm_trainer(images: Tensor, labels: Tensor, device: str) -> Trainer:
    defaults = RunSettings()
    trainer = Trainer(
        defaults.classifier,
        num_classes=len(defaults.classes),
        image_size=images.shape[1],
        settings=TrainSettings(epochs=_EPOCHS),
        device=device,
    )
    trainer.fit(images, labels)
    return trainer


def _rates(measurement: Measurement, images: int) -> list[float]:
    return [images / seconds for seconds in measurement.seconds]


def _settings(generator: Generator) -> dict[str, Any]:
    return {
        "engine": generator.facts.backend,
        "dtype": generator.facts.dtype_name,
        "batch_size": generator.facts.batch_size,
        "vae_batch_size": generator.facts.vae_batch_size,
    }
