"""Generating and training on one device: either alone, and both by each way of sharing it.

    zeroreal bench sharing --result benchmarks/results/sharing-embedded-cuda.json

Images of the embedded model arrive block by block, and a classifier trains on what is there, for
about as long as generating takes. Both in one are to take the longer of the two and half of the
shorter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...base import InputError, resolve_device
from ...generate import Generator, SamplePlan, load_recipe, parse_classes
from ...run import RunSettings
from ...train import ImagePool, TrainSettings
from ...train.pool.sharing import Sharing
from ...train.settings import SHARING_MODES
from ..harness import (
    Contender,
    Rounds,
    Tell,
    check_counts,
    check_result_path,
    doubts,
    run_facts,
    run_rounds,
    silent,
    spread,
    timed,
    write_result,
)
from .shared import Shared, scheduled_seconds

GENERATING, TRAINING = "generating", "training"
_MOST_EPOCHS = 200


@dataclass(frozen=True)
class SharingSettings:
    """What is generated and trained, and how often."""

    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    classifier: str = "resnet18"
    """A timm model's name."""
    images_per_class: int = 1000
    """Generated of every class of the embedded model."""
    blocks: int = 8
    """Number of blocks in which the images arrive."""
    batch_size: int = 256
    """Images of a batch of training."""
    rounds: int = 5
    """How often each part and each way of sharing takes its turn."""
    result: Path | None = None
    """The file to write."""


def balanced_epochs(shared: Shared) -> tuple[Shared, ImagePool]:
    """As many epochs as take about as long as generating, and a full pool; warms everything up."""
    pool = shared.generate()
    generating = timed(shared.generate, shared.device)
    once = replace(shared, settings=replace(shared.settings, epochs=1))
    once.train(pool)
    training = timed(partial(once.train, pool), shared.device)
    epochs = max(1, min(_MOST_EPOCHS, round(generating / training)))
    return replace(shared, settings=replace(shared.settings, epochs=epochs)), pool


def modes_of(device: torch.device) -> tuple[list[str], dict[str, str]]:
    """The ways of sharing `device`, and why it does not have the others."""
    # On a CPU `auto` has no choice.
    modes = SHARING_MODES if device.type == "cuda" else SHARING_MODES[1:]
    missing = {}
    for mode in modes:
        try:
            Sharing(mode, device)
        except InputError as error:
            missing[mode] = str(error)
    return [mode for mode in modes if mode not in missing], missing


def figures(rounds: Rounds, shared: Shared) -> dict[str, Any]:
    """The seconds of each part, and of each mode how often what it is to take: `target_seconds`."""
    spreads = {one.name: spread(one.seconds) for one in rounds.measurements if one.seconds}
    if not {GENERATING, TRAINING} <= spreads.keys():
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in rounds.measurements)
        raise InputError(f"generating or training alone cannot be measured ({reasons})")
    alone = [spreads[part]["median"] for part in (GENERATING, TRAINING)]
    target = max(alone) + min(alone) / 2
    return {
        "target_seconds": target,
        "scheduled_seconds": scheduled_seconds(shared, *alone),
        "seconds": spreads,
        "of_target": {
            name: times["median"] / target
            for name, times in spreads.items()
            if name not in (GENERATING, TRAINING)
        },
        "failed": {one.name: one.reason for one in rounds.measurements if one.reason},
        "doubts": doubts(rounds),
    }


def bench_sharing(settings: SharingSettings, tell: Tell = silent) -> dict[str, Any]:
    """Measure, and give the result, which is written as well.

    Raises `InputError` for settings that cannot be used.
    """
    device = _check(settings)
    tell("loading, tuning and warming up")
    shared, pool = balanced_epochs(_shared(settings))
    modes, missing = modes_of(device)
    contenders = [
        Contender(GENERATING, partial(timed, shared.generate, device)),
        Contender(TRAINING, partial(timed, partial(shared.train, pool), device)),
        *(Contender(mode, partial(timed, partial(shared.both, mode), device)) for mode in modes),
    ]
    rounds = run_rounds(
        contenders, settings.rounds, lambda state: tell(f"round {state.done} of {state.wanted}")
    )
    result: dict[str, Any] = {
        **run_facts(device),
        "classifier": settings.classifier,
        "images": len(shared.plan),
        "blocks": settings.blocks,
        "batch_size": settings.batch_size,
        "epochs": shared.settings.epochs,
        "modes_missing": missing,
        **figures(rounds, shared),
    }
    if settings.result is not None:
        write_result(settings.result, result)
    return result


def _check(settings: SharingSettings) -> torch.device:
    check_counts({"images per class": settings.images_per_class, "blocks": settings.blocks})
    check_counts({"rounds": settings.rounds})
    device = resolve_device(settings.device)
    if settings.result is not None:
        check_result_path(settings.result)
    return device


def _shared(settings: SharingSettings) -> Shared:
    classes = parse_classes(RunSettings().classes)
    plan = SamplePlan(load_recipe("base"), classes, settings.images_per_class)
    train = TrainSettings(batch_size=settings.batch_size)
    generator = Generator(device=settings.device)
    return Shared(generator, plan, settings.classifier, train, settings.blocks)
