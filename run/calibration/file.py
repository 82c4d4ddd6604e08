"""What a calibration found, in a file of the run's folder."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ...base import InputError, file_digest, unknown
from ...base.files import write_atomically
from ...base.foreign import check_fields
from ...base.reading import load_json
from ...train.classifier.calibration import SCORES, auroc, probabilities, reject_scores
from ...train.classifier.confidence import TestedConfidence, tested_confidence
from ...train.classifier.saved import WEIGHTS

CALIBRATION = "calibration.json"
_REMEDY = "calibrate the run again with zeroreal calibrate, or remove the file"


@dataclass(frozen=True)
class RejectFigures:
    """How images of one kind that is off the classes are told from those of the classes.

    Neither were among those that the score and the threshold were chosen by.
    """

    kind: str
    against: str
    """The images of the classes."""
    images: int
    auroc: float
    """How likely the score of an image of the classes is above one of these."""
    rejected: float
    """The share of these that is rejected."""


@dataclass(frozen=True)
class Calibration:
    """Temperature and reject threshold of a classifier, with figures."""

    temperature: float
    reject_score: str
    """One of `SCORES`."""
    reject_threshold: float
    """Images whose score is below are rejected."""
    rank_weights: tuple[float, ...]
    """Of the score `ranks`, the largest logit's first."""
    weights_digest: str
    """SHA-256 of the file of the classifier's weights."""
    note: str
    """What it was fitted to and measured on, in a sentence for people."""
    settings: dict[str, Any]
    synthetic: TestedConfidence | None = None
    real: TestedConfidence | None = None
    """None where there are no real images."""
    rejecting: tuple[RejectFigures, ...] = ()

    def probabilities(self, logits: Tensor) -> Tensor:
        """Class probabilities, float32 `[N, K]`, of logits `[N, K]`."""
        return probabilities(logits, self.temperature)

    def is_rejected(self, logits: Tensor) -> Tensor:
        """Whether each image is none of the classes, as far as can be told: bool `[N]`."""
        return self._scores(logits) < self.reject_threshold

    def tested(self, source: str, logits: Tensor, labels: Tensor) -> TestedConfidence:
        """The figures on images of `source`: logits `[N, K]` and labels int64 `[N]`."""
        is_rejected = self.is_rejected(logits)
        return tested_confidence(source, logits, labels, self.temperature, is_rejected)

    def told_apart(self, kind: str, outside: Tensor, against: str, inside: Tensor) -> RejectFigures:
        """How logits of `kind` are told from those of `against`, images of the classes."""
        below = self._scores(outside)
        rejected = self.is_rejected(outside).double().mean().item()
        area = auroc(self._scores(inside), below)
        return RejectFigures(kind, against, len(below), area, rejected)

    def _scores(self, logits: Tensor) -> Tensor:
        return reject_scores(self.reject_score, logits, self.temperature, self.rank_weights)


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write it into the folder of its run, whole or not at all."""
    text = json.dumps(asdict(calibration), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(folder / CALIBRATION, f"{text}\n".encode())


def read_calibration(folder: Path) -> Calibration | None:
    """The calibration of the run in `folder`; None where it has none.

    Raises `InputError` for a file that is damaged or of other weights than the run's.
    """
    path = folder / CALIBRATION
    if not path.exists():
        return None
    where = f"calibration {str(path)!r}"
    found = check_fields(Calibration, load_json(path, "calibration", _REMEDY), where, _REMEDY)
    if not 0 < found.temperature < math.inf:  # NaN, too
        raise InputError(
            f"{where} has {found.temperature} as 'temperature': a number above 0 is needed; "
            f"{_REMEDY}"
        )
    if not all(map(math.isfinite, (found.reject_threshold, *found.rank_weights))):
        raise InputError(
            f"{where} has a 'reject_threshold' or 'rank_weights' that are not finite; {_REMEDY}"
        )
    if found.reject_score not in SCORES:
        raise unknown(f"'reject_score' of {where}", found.reject_score, SCORES)
    if found.weights_digest != file_digest(folder / WEIGHTS):
        raise InputError(f"{where} is of other weights than the run's {WEIGHTS}: {_REMEDY}")
    return found
