"""Classifying a run's test images without training, once its own figures are there."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...base import InputError
from ...base.device import describe_device
from ...base.digest import key_digest
from ...base.files import write_atomically
from ...base.foreign import check_fields
from ...base.progress import OnStage, StageProgress
from ...base.reading import parse_json
from ...base.sealed import DamagedFileError, read_sealed, sealed
from ...data import LabelledImages
from ...encoders import (
    ClassGaussians,
    DualEncoder,
    class_weights,
    embed_in_blocks,
    encoder_digest,
    load_encoder,
)
from ...train.classifier.evaluate import Evaluation
from ..identity import images_identity
from ..parts import Parts
from .figures import BaselineFigures
from .settings import GAUSSIANS, BaselineSettings

KEPT = "baselines"
"""The sub-folder of a run with what each baseline took each test image for."""
_STAGE = "baselines"
_PREDICTED = "predicted"

_log = logging.getLogger(__name__)


def check_baselines(
    settings: BaselineSettings, classes: tuple[str, ...], images: int, test: LabelledImages | None
) -> None:
    """Raise `InputError` for baselines that cannot be measured, before `images` are generated."""
    if not settings.baseline:
        if settings.baseline_encoder is not None:
            raise InputError(
                f"baseline encoder {settings.baseline_encoder!r} was given, but no baseline: name "
                "one with --baseline, such as --baseline encoder"
            )
        return
    wanted = ", ".join(settings.baseline)
    if test is None:
        raise InputError(
            f"baselines were asked for ({wanted}), and there are no real images to measure them "
            "on: give labelled ones with --data, or leave --baseline out"
        )
    if GAUSSIANS in settings.baseline and images < 2 * len(classes):
        raise InputError(
            f"baseline {GAUSSIANS!r} was asked for, and there are {images} images of "
            f"{len(classes)} classes to fit it to: 2 of each are needed at least"
        )
    load_encoder(settings.encoder_name(classes), torch.device("cpu"))  # that it can be


def measure_baselines(
    parts: Parts, folder: Path, on_progress: OnStage
) -> tuple[BaselineFigures, ...]:
    """What each baseline of a trained run comes to; none if none was asked for.

    What each took the test images for is kept in `folder`, so that a run that is continued does
    not classify them again. A baseline that its images do not suffice for is left out, which is
    said.
    """
    wanted = parts.settings.baselines
    if not wanted.baseline or parts.test is None:
        return ()
    measuring = _Measuring(parts, wanted.encoder_name(parts.names), folder / KEPT)
    found = []
    for number, method in enumerate(wanted.baseline):
        on_progress(StageProgress(_STAGE, number, len(wanted.baseline), method))
        try:
            found.append(measuring.figures(method))
        except InputError as error:  # which is no reason to lose the run
            _log.warning("baseline %r is left out: %s", method, error)
    on_progress(StageProgress(_STAGE, len(wanted.baseline), len(wanted.baseline)))
    return tuple(found)


@dataclass(frozen=True)
class _Told:
    """What stands beside answers in their file."""

    fitted_to: int | None
    seconds: float


@dataclass(frozen=True)
class _Answers(_Told):
    """What a baseline took the test images for."""

    predicted: Tensor
    """int64 `[N]`."""


class _Measuring:
    """The baselines of a run in one encoder's space."""

    def __init__(self, parts: Parts, encoder: str, kept: Path) -> None:
        assert parts.test is not None
        self._parts, self._test = parts, parts.test
        self._name, self._kept = encoder, kept
        self._encoder: DualEncoder | None = None

    def figures(self, method: str) -> BaselineFigures:
        """Accuracy, as it was kept or as it is now found."""
        path = self._kept / f"{method}-{self._key(method)}.safetensors"
        answers = read_answers(path, len(self._test.labels), len(self._parts.names))
        if answers is None:
            answers = self._found(self._gaussians if method == GAUSSIANS else self._texts)
            _write(path, answers)
        count = len(self._parts.names)
        cells = torch.bincount(self._test.labels * count + answers.predicted, minlength=count**2)
        tested = Evaluation(cells.view(count, count))
        return BaselineFigures(
            method,
            self._name,
            tested.images,
            tested.accuracy,
            tested.interval,
            answers.fitted_to,
            answers.seconds,
        )

    def _found(self, measure: Callable[[DualEncoder], tuple[Tensor, int | None]]) -> _Answers:
        if self._encoder is None:
            self._encoder = load_encoder(self._name, self._parts.trainer.device)
        began = time.perf_counter()
        logits, fitted_to = measure(self._encoder)
        predicted = logits.argmax(1).cpu()
        return _Answers(fitted_to, round(time.perf_counter() - began, 3), predicted)

    def _texts(self, encoder: DualEncoder) -> tuple[Tensor, None]:
        weights = class_weights(encoder, [item.prompt for item in self._parts.classes])
        return embed_in_blocks(encoder, self._test.images) @ weights.T, None

    def _gaussians(self, encoder: DualEncoder) -> tuple[Tensor, int]:
        images, labels, _ = self._parts.pool.written()
        gaussians = ClassGaussians(embed_in_blocks(encoder, images), labels, self._parts.names)
        return gaussians.logits(embed_in_blocks(encoder, self._test.images)), gaussians.count

    def _key(self, method: str) -> str:
        tested = hashlib.sha256(self._test.images.numpy().tobytes())
        tested.update(self._test.labels.numpy().tobytes())
        decides: dict[str, Any] = {
            "encoder": encoder_digest(self._name),
            "classes": [[item.name, item.prompt] for item in self._parts.classes],
            "test": tested.hexdigest(),
            "device": describe_device(self._parts.trainer.device),
        }
        if method == GAUSSIANS:
            decides["images"] = images_identity(self._parts)
            decides["samples"] = self._parts.pool.samples_written()
        return key_digest(decides)[:16]


def read_answers(path: Path, images: int, classes: int) -> _Answers | None:
    """What was kept; None where it is not what we wrote, or nothing is: then it is found again."""
    if not path.is_file():
        return None
    with suppress(DamagedFileError, InputError, KeyError, ValueError):
        file = read_sealed(path)
        told = check_fields(_Told, parse_json(file.text or "", "answers"), "answers", "")
        found = file.tensors[_PREDICTED]
        fits = found.dtype == torch.int64 and found.shape == (images,)
        if fits and found.min() >= 0 and found.max() < classes and isfinite(told.seconds):
            return _Answers(told.fitted_to, told.seconds, found)
    return None


def _write(path: Path, answers: _Answers) -> None:
    told = json.dumps({"fitted_to": answers.fitted_to, "seconds": answers.seconds})
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, sealed({_PREDICTED: answers.predicted}, told))
