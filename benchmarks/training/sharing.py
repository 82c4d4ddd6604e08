"""Generating and training on one device: either alone, and both by each way of sharing it.

Images of the embedded model arrive block by block, and a classifier trains on what is there, for
about as long as generating takes. Both in one are to take the longer of the two and half of the
shorter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

import torch

from ...base import InputError, resolve_device
from ...generate import Generator, SamplePlan, load_recipe, parse_classes
from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ...run import RunSettings
from ...train import ImagePool, TrainSettings
from ...train.pool.sharing import Sharing
from ...train.settings import SHARING_MODES
from ..harness import (
    SILENT,
    Contender,
    Measurement,
    Progress,
    Rounds,
    check_counts,
    doubts,
    measured_row,
    run_rounds,
    timed,
)
from .settings import SharingSettings
from .shared import Shared, scheduled_seconds

GENERATING, TRAINING = "generating", "training"
_MOST_EPOCHS = 200


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


def figures(rounds: Rounds, shared: Shared, missing: Mapping[str, str]) -> Figures:
    """A row for each part and each mode, which is held against what it is to take.

    That is `target_seconds`; `missing` are the modes that the device does not have, with reasons.
    """
    measured = {one.name: one for one in rounds.measurements}
    alone = [measured[part].seconds for part in (GENERATING, TRAINING)]
    reasons = doubts(rounds)
    facts: dict[str, Any] = {"images": len(shared.plan), "epochs": shared.settings.epochs}
    target = None
    if all(alone):
        generating, training = map(median, alone)
        target = max(generating, training) + min(generating, training) / 2
        facts["target_seconds"] = target
        facts["scheduled_seconds"] = scheduled_seconds(shared, generating, training)
    else:
        reasons.append("generating or training alone was not measured, so there is no target")
    rows = [_row(one, target) for one in rounds.measurements]
    rows += [Row(mode, reason=reason) for mode, reason in missing.items()]
    return Figures(tuple(rows), facts, tuple(reasons), finished=rounds.done == rounds.wanted)


def measure_sharing(settings: SharingSettings, progress: Progress = SILENT) -> Figures:
    """Measure; what there is is kept after every round, and Ctrl-C ends the rounds.

    Raises `InputError` for settings that cannot be used.
    """
    check_counts({"images per class": settings.images_per_class, "blocks": settings.blocks})
    check_counts({"rounds": settings.rounds})
    device = resolve_device(settings.device)
    progress.tell("loading, tuning and warming up")
    shared, pool = balanced_epochs(_shared(settings))
    modes, missing = modes_of(device)
    contenders = [
        Contender(GENERATING, partial(timed, shared.generate, device)),
        Contender(TRAINING, partial(timed, partial(shared.train, pool), device)),
        *(Contender(mode, partial(timed, partial(shared.both, mode), device)) for mode in modes),
    ]

    def after(state: Rounds) -> None:
        progress.tell(f"round {state.done} of {state.wanted}")
        progress.keep(replace(figures(state, shared, missing), finished=False))

    return figures(run_rounds(contenders, settings.rounds, after), shared, missing)


def _row(own: Measurement, target: float | None) -> Row:
    row = measured_row(own, None)
    if target is None or not own.seconds or own.name in (GENERATING, TRAINING):
        return row
    of_target = Metric(tuple(seconds / target for seconds in own.seconds), "1", "lower")
    return replace(row, metrics={**row.metrics, "of_target": of_target})


def _shared(settings: SharingSettings) -> Shared:
    classes = parse_classes(RunSettings().classes)
    plan = SamplePlan(load_recipe("base"), classes, settings.images_per_class)
    train = TrainSettings(batch_size=settings.batch_size)
    generator = Generator(device=settings.device)
    return Shared(generator, plan, settings.classifier, train, settings.blocks)
