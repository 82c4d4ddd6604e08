"""Images a second of classifying without training, ours and others', on the same images.

Contenders take turns, round after round, each in a process of its own and at its best batch. The
first of each case that can serve is the one that the others' speed and classes are compared to.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from ...base import InputError, resolve_device, resolve_precision
from ...encoders import load_encoder
from ...engine import Cache
from ...export import check_model_folder, find_model, random_model
from ...generate.diffusion_classifier.stages import check_stages
from ...report.results.result import Figures
from ..harness import SILENT, Progress, check_counts
from .by_diffusion import DiffusionJob
from .by_encoder import EncoderJob
from .contest import Job, hold_contest
from .names import CASES, DIFFUSION, ZeroshotName, parse_name
from .settings import ZeroshotBenchSettings


def measure_zeroshot(settings: ZeroshotBenchSettings, progress: Progress = SILENT) -> Figures:
    """Measure; what there is is kept after every round.

    Ctrl-C ends the rounds, and the figures are those of the ones which are finished. Raises
    `InputError` for settings that cannot be used; a contender that cannot serve has a row with its
    reason.
    """
    names = _check(settings)
    parts: list[Figures] = []

    def keep(so_far: Figures) -> None:
        progress.keep(_together([*parts, so_far], finished=False))

    with _model(settings, names) as folder:
        for case in CASES:
            of_case = [name for name in names if name.case == case]
            if not of_case:
                continue
            try:
                job = _job(case, settings, folder)
                part = hold_contest(case, of_case, job, settings.rounds, keep, progress.tell)
            except KeyboardInterrupt:  # before the rounds
                if not parts:
                    raise
                return _together(parts, finished=False)
            parts.append(part)
            if not part.finished:
                break
            keep(Figures(()))
    return _together(parts, finished=all(part.finished for part in parts))


def _together(parts: Sequence[Figures], finished: bool) -> Figures:
    """The cases as one."""
    rows = tuple(row for part in parts for row in part.rows)
    reasons = tuple(reason for part in parts for reason in part.reasons)
    return Figures(rows, reasons=reasons, finished=finished)


def _check(settings: ZeroshotBenchSettings) -> list[ZeroshotName]:
    counts = {name: getattr(settings, name) for name in ("images", "encoder_images", "rounds")}
    check_counts(counts)
    check_stages(settings.stages)
    if settings.model is not None and settings.random_weights is not None:
        raise InputError("both a model and random weights were given: leave one of them out")
    if len(set(settings.contenders)) < len(settings.contenders):
        raise InputError(f"{' '.join(settings.contenders)} names a contender twice: once will do")
    names = [parse_name(text) for text in settings.contenders]
    device = resolve_device(settings.device)
    for name in names:
        if name.case == DIFFUSION:
            resolve_precision(name.precision, device)
    return names


def _model(
    settings: ZeroshotBenchSettings, names: Sequence[ZeroshotName]
) -> AbstractContextManager[Path | None]:
    """The diffusion model's folder, where it is needed, for as long as it is."""
    if not any(name.case == DIFFUSION for name in names):
        return nullcontext()
    if settings.random_weights is not None:
        return random_model(settings.random_weights)
    return nullcontext(find_model(settings.model))


def _job(case: str, settings: ZeroshotBenchSettings, folder: Path | None) -> Job:
    device = str(resolve_device(settings.device))
    if case == DIFFUSION:
        assert folder is not None
        side = check_model_folder(folder).image_side
        return DiffusionJob(folder, side, settings.images, settings.stages, device, Cache().root)
    side = load_encoder(settings.encoder, torch.device("cpu")).image_size
    return EncoderJob(settings.encoder, side, settings.encoder_images, device, Cache().root)
